#include "tests/support/mutate.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string_view>

namespace skipcast::tests {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kTokens[] = {"\"",
                                        ",",
                                        "\n",
                                        "\r",
                                        "{",
                                        "}",
                                        "[",
                                        "]",
                                        "(",
                                        ")",
                                        "-1",
                                        "1e999",
                                        "nan",
                                        "0",
                                        ":",
                                        ";",
                                        "99999999999999999999",
                                        "-9223372036854775808",
                                        "\0"sv,
                                        "\xFF",
                                        "2016-02-30",
                                        "'descr': '|O'",
                                        "True",
                                        "{place}",
                                        " since "};

constexpr int64_t kNumbers[] = {0,         1,        -1,        2,         64,
                                127,       128,      255,       256,       32767,
                                65535,     1 << 24,  INT32_MAX, INT32_MIN, int64_t{1} << 40,
                                INT64_MAX, INT64_MIN};

void overwrite_number(std::string& bytes, size_t at, Dice& dice) {
  const int64_t number = kNumbers[dice.below(std::size(kNumbers))];
  const size_t width = std::min(size_t{1} << dice.below(4), bytes.size() - at);
  std::memcpy(bytes.data() + at, &number, width);
}

void edit(std::string& bytes, size_t at, Dice& dice) {
  switch (dice.below(6)) {
    case 0:
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << dice.below(8)));
      break;
    case 1:
      bytes.erase(at, 1 + dice.below(8));
      break;
    case 2:
      bytes.insert(at, kTokens[dice.below(std::size(kTokens))]);
      break;
    case 3:
      bytes.insert(at, bytes.substr(at, dice.below(40)));
      break;
    case 4:
      overwrite_number(bytes, at, dice);
      break;
    default:
      if (dice.below(4) == 0) bytes.resize(at);
      bytes += bytes.substr(0, dice.below(20));
  }
}

}  // namespace

size_t Dice::below(size_t limit) {
  state_ += 0x9E3779B97F4A7C15U;
  uint64_t x = state_;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
  return static_cast<size_t>((x ^ (x >> 31)) % limit);
}

std::string mutate(std::string bytes, Dice& dice) {
  for (size_t edits = 1 + dice.below(4); edits > 0 && !bytes.empty(); --edits) {
    edit(bytes, dice.below(bytes.size()), dice);
  }
  return bytes;
}

}  // namespace skipcast::tests
