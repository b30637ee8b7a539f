#include "tests/support/source_scan.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>

namespace skipcast::tests {
namespace {

namespace fs = std::filesystem;

enum class Scope { kNamespace, kType, kFunction, kControl, kOther };

struct OpenBrace {
  Scope scope;
  size_t function;  // index of the function it belongs to, when inside one
};

bool matches(const std::string& head, const char* pattern) {
  return std::regex_search(head, std::regex(pattern));
}

// What a brace opens, told by the text since the last ; { or } before it.
Scope scope_of(const std::string& head, bool inside_function) {
  if (inside_function) {
    return matches(head, R"(\b(if|for|while|switch|else|do|try|catch)\b)") ? Scope::kControl
                                                                           : Scope::kOther;
  }
  if (matches(head, R"(\bnamespace\b|extern "")")) return Scope::kNamespace;
  if (matches(head, R"(\)\s*(const|noexcept|override|&|->|:|$|\s)*)") && head.back() != '=') {
    return Scope::kFunction;
  }
  if (matches(head, R"(\b(class|struct|enum|union)\b)")) return Scope::kType;
  return Scope::kOther;
}

int64_t parameter_count(const std::string& head) {
  const size_t open = head.find('(');
  int64_t depth = 0, commas = 0;
  bool any = false;
  for (size_t i = open; i < head.size(); ++i) {
    const char c = head[i];
    if (c == '(' || c == '<' || c == '[' || c == '{') ++depth;
    if (c == ')' || c == '>' || c == ']' || c == '}') --depth;
    if (depth == 0) break;
    if (c == ',' && depth == 1) ++commas;
    if (i > open && !std::isspace(static_cast<unsigned char>(c))) any = true;
  }
  return any ? commas + 1 : 0;
}

std::string collapsed(const std::string& text) {
  std::string result;
  for (const char c : text) {
    const bool blank = std::isspace(static_cast<unsigned char>(c)) != 0;
    if (!blank) result += c;
    if (blank && !result.empty() && result.back() != ' ') result += ' ';
  }
  while (!result.empty() && result.back() == ' ') result.pop_back();
  return result;
}

class Scanner {
 public:
  explicit Scanner(const std::string& text) : text_(text) {}

  std::vector<ScannedFunction> run() {
    for (at_ = 0; at_ < text_.size(); ++at_) step(text_[at_]);
    return std::move(functions_);
  }

 private:
  bool inside_function() const {
    return std::any_of(open_.begin(), open_.end(),
                       [](const OpenBrace& brace) { return brace.scope == Scope::kFunction; });
  }

  void step(char c) {
    if (c == '\n') ++line_;
    if (c == '(') ++parentheses_;
    if (c == ')') --parentheses_;
    if (c == '{') return open_brace();
    if (c == '}') return close_brace();
    if (c == ';' && parentheses_ == 0) return start_head();
    if (head_.empty() && std::isspace(static_cast<unsigned char>(c))) return;
    if (head_.empty()) head_line_ = line_;
    head_ += c;
  }

  void start_head() { head_.clear(); }

  void open_brace() {
    const std::string head = collapsed(head_);
    const bool inside = inside_function();
    const Scope scope = head.empty() ? Scope::kOther : scope_of(head, inside);
    if (scope == Scope::kFunction) {
      functions_.push_back(
          {.head = head, .first_line = head_line_, .parameters = parameter_count(head)});
    }
    open_.push_back({scope, functions_.empty() ? 0 : functions_.size() - 1});
    if (scope == Scope::kControl) {
      const auto depth = std::count_if(open_.begin(), open_.end(), [](const OpenBrace& brace) {
        return brace.scope == Scope::kControl;
      });
      functions_.back().nesting = std::max<int64_t>(functions_.back().nesting, depth);
    }
    saved_parentheses_.push_back(parentheses_);
    parentheses_ = 0;
    start_head();
  }

  void close_brace() {
    if (open_.empty()) return;
    const OpenBrace brace = open_.back();
    open_.pop_back();
    parentheses_ = saved_parentheses_.back();
    saved_parentheses_.pop_back();
    if (brace.scope == Scope::kFunction) {
      ScannedFunction& function = functions_[brace.function];
      function.lines = line_ - function.first_line + 1;
    }
    start_head();
  }

  const std::string& text_;
  size_t at_ = 0;
  int64_t line_ = 1, head_line_ = 1, parentheses_ = 0;
  std::string head_;
  std::vector<OpenBrace> open_;
  std::vector<int64_t> saved_parentheses_;
  std::vector<ScannedFunction> functions_;
};

// The end of the literal or comment that starts at `at`, one past its last character.
size_t end_of(const std::string& text, size_t at) {
  const auto after = [&text](size_t found, size_t length) {
    return found == std::string::npos ? text.size() : found + length;
  };
  if (text.compare(at, 2, "//") == 0) return after(text.find('\n', at), 0);
  if (text.compare(at, 2, "/*") == 0) return after(text.find("*/", at + 2), 2);
  if (text.compare(at, 2, "R\"") == 0) {
    const size_t open = text.find('(', at);
    const std::string close = ")" + text.substr(at + 2, open - at - 2) + "\"";
    return after(text.find(close, open), close.size());
  }
  size_t i = at + 1;
  while (i < text.size() && text[i] != text[at] && text[i] != '\n') i += text[i] == '\\' ? 2 : 1;
  return std::min(i + 1, text.size());
}

bool starts_blank(const std::string& text, size_t at) {
  const char c = text[at];
  if (c == '/' && at + 1 < text.size()) return text[at + 1] == '/' || text[at + 1] == '*';
  if (c == 'R' && text.compare(at, 2, "R\"") == 0) return true;
  if (c == '"') return true;
  // 1'000 holds no character literal.
  return c == '\'' && (at == 0 || !std::isalnum(static_cast<unsigned char>(text[at - 1])));
}

}  // namespace

std::string blank_literals(const std::string& text) {
  std::string result = text;
  for (size_t at = 0; at < text.size();) {
    if (!starts_blank(text, at)) {
      ++at;
      continue;
    }
    const size_t end = end_of(text, at);
    for (size_t i = at; i < end; ++i) {
      if (result[i] != '\n') result[i] = text[at] == '/' ? ' ' : '"';
    }
    at = end;
  }
  return result;
}

std::vector<ScannedFunction> scan_functions(const std::string& text) {
  std::string plain = blank_literals(text);
  // Preprocessor lines would confuse heads.
  plain = std::regex_replace(plain, std::regex(R"(\n[ \t]*#[^\n]*)"), "\n");
  if (plain.starts_with("#")) plain.erase(0, std::min(plain.find('\n'), plain.size()));
  return Scanner(plain).run();
}

int64_t SourceFile::lines() const { return std::count(text.begin(), text.end(), '\n'); }

std::vector<SourceFile> source_files(const std::string& root) {
  std::vector<SourceFile> files;
  for (const char* folder :
       {"storage", "retrieval", "samplers", "engine", "tools", "tests", "bench"}) {
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(root) / folder)) {
      const std::string ending = entry.path().extension().string();
      if (ending != ".h" && ending != ".cc" && ending != ".cu") continue;
      std::ifstream in(entry.path(), std::ios::binary);
      files.push_back(
          {fs::relative(entry.path(), root).string(), {std::istreambuf_iterator<char>(in), {}}});
    }
  }
  std::sort(files.begin(), files.end(),
            [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  return files;
}

std::vector<std::string> includes_of(const std::string& text) {
  static const std::regex pattern(R"(^\s*#\s*include\s*[<"]([^>"]+)[>"])");
  std::vector<std::string> paths;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    std::smatch match;
    if (std::regex_search(line, match, pattern)) paths.push_back(match[1]);
  }
  return paths;
}

}  // namespace skipcast::tests
