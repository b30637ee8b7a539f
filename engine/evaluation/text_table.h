// A table as text for people: columns as wide as their widest cell, parted by two blanks.
// A pure function, thread-safe.
#pragma once

#include <string>
#include <vector>

namespace skipcast::engine {

// A line a row, the first usually the heads; the first column stands left, all others right. Rows
// may have different numbers of cells. Widths count UTF-8 letters.
std::string text_table(const std::vector<std::vector<std::string>>& rows);

}  // namespace skipcast::engine
