#include "tests/support/markup.h"

#include <algorithm>
#include <regex>
#include <set>
#include <vector>

namespace skipcast::tests {
namespace {

class Reader {
 public:
  explicit Reader(const std::string& page) : page_(page) {}

  std::string fault() {
    while (wrong_.empty() && at_ < page_.size()) {
      if (page_[at_] == '<') {
        tag();
      } else {
        text();
      }
    }
    if (wrong_.empty() && !open_.empty()) wrong_ = "<" + open_.back() + "> is never closed";
    return wrong_;
  }

 private:
  void complain(const std::string& what) {
    const size_t begin = at_ < 60 ? 0 : at_ - 60;
    wrong_ = what + " near: " + page_.substr(begin, 140);
  }

  void text() {
    const size_t end = std::min(page_.find('<', at_), page_.size());
    static const std::regex bare("&(?!(#[0-9]+|[a-z]+);)|>");
    const std::string piece = page_.substr(at_, end - at_);
    if (std::regex_search(piece, bare)) complain("bare & or >");
    at_ = end;
  }

  void tag() {
    static const std::regex opening(
        R"(^<([a-zA-Z][a-zA-Z0-9]*)((?:\s+[a-zA-Z-]+(?:="[^"<]*")?)*)\s*(/?)>)");
    static const std::regex closing(R"(^</([a-zA-Z][a-zA-Z0-9]*)>)");
    // Tags are short but for paths and hover texts.
    const std::string rest = page_.substr(at_, page_.find('>', at_) + 1 - at_);
    std::smatch found;
    if (rest.starts_with("<!DOCTYPE html>")) {
      at_ += rest.size();
    } else if (std::regex_search(rest, found, closing)) {
      close(found[1].str());
      at_ += rest.size();
    } else if (std::regex_search(rest, found, opening)) {
      at_ += rest.size();
      open(found[1].str(), found[3].length() > 0);
    } else {
      complain("no tag");
    }
  }

  void open(const std::string& name, bool closed) {
    static const std::set<std::string> empty = {"meta", "input", "br", "hr", "img"};
    if (closed || empty.contains(name)) return;
    if (name == "style" || name == "script") {
      const std::string end = "</" + name + ">";
      at_ = page_.find(end, at_);
      if (at_ == std::string::npos) {
        at_ = page_.size();
        return complain("no end of " + name);
      }
      at_ += end.size();
      return;
    }
    open_.push_back(name);
  }

  void close(const std::string& name) {
    if (open_.empty() || open_.back() != name) {
      return complain("</" + name + "> where " + (open_.empty() ? "nothing" : open_.back()) +
                      " is open");
    }
    open_.pop_back();
  }

  const std::string& page_;
  size_t at_ = 0;
  std::vector<std::string> open_;
  std::string wrong_;
};

}  // namespace

std::string malformed(const std::string& page) { return Reader(page).fault(); }

std::string fetched(const std::string& page) {
  for (const char* word : {"http:", "https:", " src=", "<link", "url(", "@import", "<iframe",
                           "<object", "fetch(", "XMLHttpRequest"}) {
    const size_t at = page.find(word);
    if (at != std::string::npos) return page.substr(at < 40 ? 0 : at - 40, 120);
  }
  for (size_t at = page.find("href=\""); at != std::string::npos; at = page.find("href=\"", at + 1)) {
    if (page[at + 6] != '#') return page.substr(at, 80);
  }
  return "";
}

}  // namespace skipcast::tests
