#include "engine/evaluation/text_table.h"

#include <algorithm>
#include <cstddef>

namespace skipcast::engine {
namespace {

size_t letters(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

}  // namespace

std::string text_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], letters(row[c]));
  }
  std::string text;
  for (const auto& row : rows) {
    for (size_t c = 0; c < row.size(); ++c) {
      const std::string blanks(widths[c] - letters(row[c]), ' ');
      const bool last = c + 1 == row.size();
      if (c > 0) text += "  " + blanks + row[c];
      if (c == 0) text += row[c] + (last ? "" : blanks);
    }
    text += "\n";
  }
  return text;
}

}  // namespace skipcast::engine
