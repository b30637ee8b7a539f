// labels: unit
// Every source file has a test of its name, or a test that includes its header, or a line in
// tests/tested_elsewhere.txt that says which test covers it.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/source_scan.h"

using namespace skipcast::tests;

namespace {

std::string root() {
  const char* folder = std::getenv("SKIPCAST_SOURCE_DIR");
  return folder != nullptr ? folder : ".";
}

struct Elsewhere {
  std::string pattern, test;
};

std::vector<Elsewhere> listed(const std::string& text) {
  std::vector<Elsewhere> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    Elsewhere each;
    std::istringstream words(line.substr(0, line.find('#')));
    if (words >> each.pattern >> each.test) lines.push_back(each);
  }
  return lines;
}

std::string text_of(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

bool matches(const std::string& pattern, const std::string& path) {
  std::string expression = std::regex_replace(pattern, std::regex("[.]"), "[.]");
  expression = std::regex_replace(expression, std::regex("[*]"), "[^/]*");
  return std::regex_match(path, std::regex(expression));
}

std::string stem_of(const std::string& path) { return path.substr(0, path.rfind('.')); }

// What tests there are, and what they include.
struct Tests {
  std::set<std::string> paths, headers;

  explicit Tests(const std::vector<SourceFile>& files) {
    for (const SourceFile& file : files) {
      if (file.folder() != "tests" || !file.path.ends_with("_test.cc")) continue;
      paths.insert(file.path);
      for (const std::string& path : includes_of(file.text)) headers.insert(path);
    }
  }
  bool cover(const std::string& source) const {
    return paths.contains("tests/" + stem_of(source) + "_test.cc") ||
           headers.contains(stem_of(source) + ".h");
  }
};

// A line for every source without a test and every line of the list that is wrong.
std::string complaints(const std::vector<SourceFile>& files, const std::vector<Elsewhere>& list) {
  static const std::set<std::string> folders = {"storage", "retrieval", "samplers", "engine",
                                                "tools"};
  const Tests tests(files);
  std::set<std::string> needed;
  std::string text;
  for (const SourceFile& file : files) {
    if (!folders.contains(file.folder()) || !file.path.ends_with(".cc")) continue;
    if (tests.cover(file.path)) continue;
    const auto line = std::find_if(list.begin(), list.end(), [&](const Elsewhere& each) {
      return matches(each.pattern, file.path);
    });
    if (line == list.end()) text += "\n" + file.path + ": no test";
    if (line != list.end()) needed.insert(line->pattern);
  }
  for (const Elsewhere& each : list) {
    if (!tests.paths.contains(each.test)) text += "\n" + each.test + ": there is no such test";
    if (!needed.contains(each.pattern)) text += "\n" + each.pattern + ": nothing needs this line";
  }
  return text;
}

}  // namespace

TEST_CASE("Untested files: what has no test and no reason is named, and so is a stale reason") {
  const std::vector<SourceFile> files = {{"engine/a/one.cc", ""},
                                         {"engine/a/two.cc", ""},
                                         {"engine/a/three.cc", ""},
                                         {"engine/a/four.cc", ""},
                                         {"tests/engine/a/one_test.cc", "#include \"x.h\"\n"},
                                         {"tests/b_test.cc", "#include \"engine/a/two.h\"\n"}};
  CHECK(complaints(files, {}) == "\nengine/a/three.cc: no test\nengine/a/four.cc: no test");
  CHECK(complaints(files, listed("# why\nengine/a/*.cc tests/b_test.cc\n")) == "");
  CHECK(complaints(files, listed("engine/a/t*.cc tests/c_test.cc # gone\nengine/a/f*.cc "
                                 "tests/b_test.cc\nengine/a/one.cc tests/b_test.cc")) ==
        "\ntests/c_test.cc: there is no such test\nengine/a/one.cc: nothing needs this line");
}

TEST_CASE("Untested files: every source file has a test or a reason") {
  const std::vector<SourceFile> files = source_files(root());
  REQUIRE(files.size() > 100);
  const auto list = listed(text_of(root() + "/tests/tested_elsewhere.txt"));
  REQUIRE(!list.empty());
  const std::string text = complaints(files, list);
  CHECK_MESSAGE(text.empty(), text);
}
