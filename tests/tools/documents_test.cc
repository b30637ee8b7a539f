// The documents say what the program does: COMMANDS.md is its help, the figure is its script's,
// commands of the READMEs and the files that any page links to exist.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/program.h"

namespace skipcast::tests {
namespace {

namespace fs = std::filesystem;

std::string root() {
  const char* folder = std::getenv("SKIPCAST_SOURCE_DIR");
  return folder != nullptr ? folder : ".";
}

std::string text_of(const fs::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// "" when they are the same, else the first line that differs.
std::string difference(const std::string& made, const std::string& kept) {
  const std::vector<std::string> a = lines_of(made), b = lines_of(kept);
  for (size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    const std::string left = i < a.size() ? a[i] : "(end)", right = i < b.size() ? b[i] : "(end)";
    if (left != right) return "line " + std::to_string(i + 1) + ": " + left + " | " + right;
  }
  return "";
}

// The repository's pages, below the folders that hold them.
std::vector<fs::path> pages() {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(root())) {
    if (entry.path().extension() == ".md") found.push_back(entry.path());
  }
  for (const char* folder :
       {".github", "bench", "engine", "retrieval", "samplers", "storage", "tests", "tools"}) {
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(root()) / folder)) {
      if (entry.path().extension() == ".md") found.push_back(entry.path());
    }
  }
  return found;
}

// The commands in a page's blocks of code as they would be typed, without their comments.
std::vector<std::string> commands_in(const std::string& page) {
  std::vector<std::string> commands;
  bool code = false;
  for (const std::string& line : lines_of(page)) {
    if (line.starts_with("```")) code = !code;
    if (code && line.starts_with("skipcast ")) commands.push_back(line.substr(0, line.find("  #")));
  }
  return commands;
}

// Is the flag in a help text, alone or in a list such as --entry-sigma,--start-sigma?
bool names_flag(const std::string& help, const std::string& flag) {
  return std::regex_search(help, std::regex(flag + "[ ,=\n]"));
}

}  // namespace

TEST_CASE("COMMANDS.md: is what tools/commands_page makes of the program's help") {
  const ProgramRun made = run_program({root() + "/tools/commands_page", SKIPCAST_PROGRAM});
  REQUIRE_MESSAGE(made.exit_code == 0, made.err);
  REQUIRE(made.out.size() > 10'000);
  INFO("to make it anew: tools/commands_page > tools/COMMANDS.md; below: made | kept");
  CHECK(difference(made.out, text_of(root() + "/tools/COMMANDS.md")) == "");
}

TEST_CASE("idea.svg: is what tools/images/draw_idea draws") {
  const ProgramRun drawn = run_program({root() + "/tools/images/draw_idea"});
  REQUIRE_MESSAGE(drawn.exit_code == 0, drawn.err);
  CHECK(drawn.out.ends_with("</svg>\n"));
  CHECK(difference(drawn.out, text_of(root() + "/tools/images/idea.svg")) == "");
}

TEST_CASE("README: is read in one sitting") {
  CHECK(lines_of(text_of(root() + "/README.md")).size() <= 200);
}

TEST_CASE("Pages: their commands and flags are the program's") {
  static const std::regex flag("--[a-z-]+");
  std::map<std::string, std::string> helps;
  size_t checked = 0;
  for (const char* page : {"/README.md", "/tools/README.md"}) {
    for (const std::string& command : commands_in(text_of(root() + page))) {
      std::istringstream words(command.substr(std::string("skipcast ").size()));
      std::string verb;
      words >> verb;
      if (!helps.contains(verb)) helps[verb] = run_program({SKIPCAST_PROGRAM, verb, "--help"}).out;
      CHECK_MESSAGE(!helps[verb].empty(), command);
      ++checked;
      for (std::sregex_iterator at(command.begin(), command.end(), flag), end; at != end; ++at) {
        CHECK_MESSAGE(names_flag(helps[verb], at->str()), command << ": " << at->str());
      }
    }
  }
  CHECK(checked >= 20);
}

TEST_CASE("Pages: the files they link to and the sources they name are there") {
  static const std::regex link(R"(\]\(([^)#:]+)(#[^)]*)?\))");
  static const std::regex source(
      R"(`((storage|retrieval|samplers|engine|tools|tests|bench)/[a-z0-9_/.-]+\.(h|cc|json|py))`)");
  const std::vector<fs::path> all = pages();
  REQUIRE(all.size() >= 10);
  size_t links = 0;
  for (const fs::path& page : all) {
    const std::string text = text_of(page);
    for (std::sregex_iterator at(text.begin(), text.end(), link), end; at != end; ++at, ++links) {
      CHECK_MESSAGE(fs::exists(page.parent_path() / (*at)[1].str()),
                    page.string() << " -> " << (*at)[1].str());
    }
    for (std::sregex_iterator at(text.begin(), text.end(), source), end; at != end; ++at, ++links) {
      CHECK_MESSAGE(fs::exists(fs::path(root()) / (*at)[1].str()),
                    page.string() << " names " << (*at)[1].str());
    }
  }
  CHECK(links > 60);
}

}  // namespace skipcast::tests
