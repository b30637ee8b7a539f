// A rough reading of C++ source text, enough for style limits: where functions begin and end, how
// many parameters they take, how deep they nest. Heuristic (braces and parentheses after comments
// and literals are blanked), not a parser.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace skipcast::tests {

struct ScannedFunction {
  std::string head;        // text before the body, whitespace collapsed
  int64_t first_line = 0;  // of the head, from 1
  int64_t lines = 0;       // head to closing brace
  int64_t parameters = 0;
  int64_t nesting = 0;  // deepest if/for/while/switch inside one another
};

// Function definitions at namespace or class scope, test cases included.
std::vector<ScannedFunction> scan_functions(const std::string& text);

// The text with comments and the insides of literals blanked; line ends stay.
std::string blank_literals(const std::string& text);

struct SourceFile {
  std::string path;  // relative to the root, "storage/status.h"
  std::string text;
  std::string folder() const { return path.substr(0, path.find('/')); }
  bool header() const { return path.ends_with(".h"); }
  int64_t lines() const;
};

// All .h, .cc and .cu files of the seven folders under `root`, sorted by path.
std::vector<SourceFile> source_files(const std::string& root);

// Paths of #include lines, without quotes or angle brackets.
std::vector<std::string> includes_of(const std::string& text);

}  // namespace skipcast::tests
