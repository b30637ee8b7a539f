#include "tools/terminal/text.h"

#include <fmt/format.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <system_error>

namespace skipcast::tools {
namespace {

bool plain_word(const char* word) {
  constexpr const char* kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./=,:@%";
  return *word != '\0' && word[std::strspn(word, kPlain)] == '\0';
}

}  // namespace

std::string command_line_text(int argc, char** argv) {
  std::string text = "skipcast";
  for (int i = 1; i < argc; ++i) {
    if (plain_word(argv[i])) {
      text += std::string(" ") + argv[i];
      continue;
    }
    text += " '";
    for (const char* letter = argv[i]; *letter != '\0'; ++letter) {
      text += *letter == '\'' ? std::string("'\\''") : std::string(1, *letter);
    }
    text += "'";
  }
  return text;
}

void print_json(const nlohmann::json& value) {
  fmt::print("{}\n", value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

std::string bytes_text(int64_t bytes) {
  constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1000 && unit + 1 < std::size(kUnits)) {
    value /= 1000;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

Status save_text(const std::string& path, const std::string& text) {
  const std::string half = path + ".tmp";
  std::error_code error;
  {
    std::ofstream out(half, std::ios::binary);
    out << text;
    if (!out.flush()) return io_error(fmt::format("{}: cannot be written", path));
  }
  std::filesystem::rename(half, path, error);
  if (error) return io_error(fmt::format("{}: cannot be written ({})", path, error.message()));
  return {};
}

}  // namespace skipcast::tools
