// The style guide's limits and the folders' dependencies, enforced.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/source_scan.h"

using namespace skipcast::tests;

namespace {

constexpr size_t kColumnsMax = 100;
constexpr int64_t kFunctionLinesMax = 60;
constexpr int64_t kHeaderLinesMax = 200;
constexpr int64_t kSourceLinesMax = 400;
constexpr int64_t kParametersMax = 5;
constexpr int64_t kNestingMax = 3;

const std::vector<SourceFile>& files() {
  static const std::vector<SourceFile> all = [] {
    const char* root = std::getenv("SKIPCAST_SOURCE_DIR");
    return source_files(root != nullptr ? root : ".");
  }();
  return all;
}

bool library(const SourceFile& file) {
  static const std::set<std::string> folders = {"storage", "retrieval", "samplers", "engine"};
  return folders.contains(file.folder());
}

// UTF-8 letters, not bytes.
size_t columns(const std::string& line) {
  return static_cast<size_t>(std::count_if(line.begin(), line.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

// "path:line: what" for every line that `wrong` objects to.
template <typename Wrong>
std::string complaints_by_line(const SourceFile& file, Wrong wrong) {
  std::string text;
  std::istringstream in(file.text);
  int64_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    const std::string what = wrong(line);
    if (!what.empty()) text += "\n" + file.path + ":" + std::to_string(number) + ": " + what;
  }
  return text;
}

std::string complaints_by_function(const SourceFile& file) {
  std::string text;
  for (const ScannedFunction& function : scan_functions(file.text)) {
    const std::string where = "\n" + file.path + ":" + std::to_string(function.first_line) + ": ";
    if (function.lines > kFunctionLinesMax) {
      text += where + std::to_string(function.lines) + " lines: " + function.head;
    }
    if (function.parameters > kParametersMax) {
      text += where + std::to_string(function.parameters) + " parameters: " + function.head;
    }
    if (function.nesting > kNestingMax) {
      text += where + "nests " + std::to_string(function.nesting) + " deep: " + function.head;
    }
  }
  return text;
}

}  // namespace

TEST_CASE("SourceScan: finds functions, their lengths, parameters and nesting") {
  const std::string text =
      "namespace a {\nstruct S {\n  int f(int x, std::map<int, int> y) const {\n"
      "    return x;\n  }\n  int n = 0;\n};\n// void not_one() {\nvoid g() {\n  for (;;) {\n"
      "    if (true) { h(\"}{\"); }\n  }\n  const auto l = [] { return 1; };\n}\n"
      "const int k[] = {1, 2};\n}\n";
  const std::vector<ScannedFunction> found = scan_functions(text);
  REQUIRE(found.size() == 2);
  CHECK(found[0].lines == 3);
  CHECK(found[0].parameters == 2);
  CHECK(found[0].nesting == 0);
  CHECK(found[1].first_line == 9);
  CHECK(found[1].lines == 6);
  CHECK(found[1].parameters == 0);
  CHECK(found[1].nesting == 2);
}

TEST_CASE("SourceScan: raw strings, digit separators and character literals stay harmless") {
  const std::string text = "void f() {\n  g(R\"({{{ \" )\", '\"', '{', 1'000);\n}\nvoid h() {\n}\n";
  const std::vector<ScannedFunction> found = scan_functions(text);
  REQUIRE(found.size() == 2);
  CHECK(found[0].lines == 3);
  CHECK(found[1].lines == 2);
}

TEST_CASE("Source: lines, files, functions, parameters and nesting keep the limits") {
  REQUIRE(files().size() > 100);
  std::string complaints;
  for (const SourceFile& file : files()) {
    complaints += complaints_by_line(file, [](const std::string& line) {
      if (line.find('\t') != std::string::npos) return std::string("tabulator");
      if (!line.empty() && line.back() == ' ') return std::string("blank at the end");
      const size_t width = columns(line);
      return width > kColumnsMax ? std::to_string(width) + " columns" : std::string();
    });
    const int64_t lines_max = file.header() ? kHeaderLinesMax : kSourceLinesMax;
    if (file.lines() > lines_max) {
      complaints += "\n" + file.path + ": " + std::to_string(file.lines()) + " lines";
    }
    complaints += complaints_by_function(file);
  }
  CHECK_MESSAGE(complaints.empty(), complaints);
}

TEST_CASE("Source: banned words stay out") {
  static const std::regex banned(R"(torch::load|torch::jit|torch::randn|\bsystem\(|\bpopen\()");
  static const std::regex code_comment(R"(^\s*//.*(\);|\{|=.*;)\s*$)");
  std::string complaints;
  for (const SourceFile& file : files()) {
    const SourceFile plain{file.path, blank_literals(file.text)};
    complaints += complaints_by_line(plain, [&](const std::string& line) -> std::string {
      if (library(file) && std::regex_search(line, banned)) return "banned: " + line;
      const bool directive = line.find("using namespace") != std::string::npos;
      return file.header() && directive ? "using-directive in a header" : "";
    });
    complaints += complaints_by_line(file, [&](const std::string& line) -> std::string {
      return library(file) && !file.header() && std::regex_search(line, code_comment)
                 ? "commented-out code? " + line
                 : "";
    });
    if (file.header() && file.text.find("#pragma once") == std::string::npos) {
      complaints += "\n" + file.path + ": no #pragma once";
    }
  }
  CHECK_MESSAGE(complaints.empty(), complaints);
}

TEST_CASE("Source: folders include only what the design's arrows allow") {
  static const std::map<std::string, std::set<std::string>> allowed = {
      {"storage", {"storage"}},
      {"retrieval", {"retrieval", "storage"}},
      {"samplers", {"samplers"}},
      {"engine", {"engine", "retrieval", "samplers", "storage"}},
      {"tools", {"tools", "engine", "storage"}}};
  std::string complaints;
  for (const SourceFile& file : files()) {
    const auto rule = allowed.find(file.folder());
    if (rule == allowed.end()) continue;
    for (const std::string& path : includes_of(file.text)) {
      const std::string folder = path.substr(0, path.find('/'));
      const bool ours = allowed.contains(folder) || folder == "tests" || folder == "bench";
      if (ours && !rule->second.contains(folder)) complaints += "\n" + file.path + ": " + path;
    }
  }
  CHECK_MESSAGE(complaints.empty(), complaints);
}

namespace {

// The rooms of each folder, bottom to top: a room includes only from itself and from those before
// it. "" is the folder itself; a room that is missing here is an error.
const std::map<std::string, std::vector<std::string>> kRooms = {
    {"storage",
     {"", "files", "schema", "blocks", "series", "formats", "readers", "ingest", "upkeep"}},
    {"retrieval", {"scaling", "encoders", "indexes", "search"}},
    {"samplers", {"", "solvers", "levels"}},
    {"engine",
     {"", "settings", "scores", "data", "networks", "models", "keys", "training", "methods",
      "forecast", "forecast/starts", "archive", "evaluation", "tuning", "report"}},
    {"tools", {"terminal", "figures", "markup", "report", "commands", ""}}};

std::string room_of(const std::string& path) {
  const size_t first = path.find('/'), last = path.rfind('/');
  return first == last ? "" : path.substr(first + 1, last - first - 1);
}

// Where in the order a file lies; none: not in a room of the list.
std::optional<size_t> height_of(const std::string& path) {
  const auto folder = kRooms.find(path.substr(0, path.find('/')));
  if (folder == kRooms.end()) return std::nullopt;
  const auto& rooms = folder->second;
  const auto room = std::find(rooms.begin(), rooms.end(), room_of(path));
  if (room == rooms.end()) return std::nullopt;
  return static_cast<size_t>(room - rooms.begin());
}

constexpr int64_t kRoomFilesMax = 25;

}  // namespace

TEST_CASE("Source: rooms include only from the rooms below them") {
  std::string complaints;
  for (const SourceFile& file : files()) {
    if (!kRooms.contains(file.folder())) continue;
    const auto height = height_of(file.path);
    if (!height) complaints += "\n" + file.path + ": its room is not in the list";
    for (const std::string& path : includes_of(file.text)) {
      if (path.substr(0, path.find('/')) != file.folder()) continue;
      const auto other = height_of(path);
      if (height && (!other || *other > *height)) complaints += "\n" + file.path + ": " + path;
    }
  }
  CHECK_MESSAGE(complaints.empty(), complaints);
}

TEST_CASE("Source: no room holds more files than one can overlook") {
  std::map<std::string, int64_t> counts;
  for (const SourceFile& file : files()) {
    if (kRooms.contains(file.folder())) ++counts[file.folder() + "/" + room_of(file.path)];
  }
  std::string complaints;
  for (const auto& [room, count] : counts) {
    if (count > kRoomFilesMax) complaints += "\n" + room + ": " + std::to_string(count) + " files";
  }
  CHECK_MESSAGE(complaints.empty(), complaints);
}

namespace {

struct HeaderRule {
  const char* pattern;
  std::set<std::string> folders;
  bool headers_too;
};

// Why this file must not include this path, or "".
std::string objection(const SourceFile& file, const std::string& path) {
  static const std::vector<HeaderRule> rules = {
      {"^rocksdb/", {"storage"}, false},
      {"^faiss/", {"retrieval"}, false},
      {"^(ATen|torch|c10)/", {"samplers", "engine", "tools"}, true},
      {"^netcdf", {"storage", "engine"}, false},
      {"^zip\\.h|^zlib\\.h|^zstd", {"storage", "retrieval", "engine"}, false},
      {"^CLI/", {"tools"}, false}};
  for (const HeaderRule& rule : rules) {
    if (!std::regex_search(path, std::regex(rule.pattern))) continue;
    const bool here = rule.folders.contains(file.folder());
    if (!here || (file.header() && !rule.headers_too)) return "\n" + file.path + ": " + path;
  }
  return "";
}

}  // namespace

TEST_CASE("Source: third-party headers stay in their adapters") {
  std::string complaints;
  for (const SourceFile& file : files()) {
    if (!library(file) && file.folder() != "tools") continue;
    for (const std::string& path : includes_of(file.text)) complaints += objection(file, path);
  }
  CHECK_MESSAGE(complaints.empty(), complaints);
}
