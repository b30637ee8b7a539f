#include "tests/support/markup.h"

#include <algorithm>
#include <cctype>
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
    for (size_t i = at_; i < end; ++i) {
      if (page_[i] == '>' || (page_[i] == '&' && !entity(i))) {
        at_ = i;
        return complain("bare & or >");
      }
    }
    at_ = end;
  }

  // "&amp;", "&#39;".
  bool entity(size_t i) const {
    const size_t end = page_.find(';', i);
    if (end == std::string::npos || end - i < 2 || end - i > 8) return false;
    return std::all_of(page_.begin() + i + 1, page_.begin() + end, [](char c) {
      return c == '#' || std::isalnum(static_cast<unsigned char>(c));
    });
  }

  std::string name_at(size_t i) const {
    size_t end = i;
    while (end < page_.size() &&
           (page_[end] == '-' || std::isalnum(static_cast<unsigned char>(page_[end])))) {
      ++end;
    }
    return page_.substr(i, end - i);
  }
  size_t after_blanks(size_t i) const {
    return std::min(page_.find_first_not_of(" \n", i), page_.size());
  }

  void tag() {
    const std::string doctype = "<!DOCTYPE html>";
    if (page_.compare(at_, doctype.size(), doctype) == 0) {
      at_ += doctype.size();
      return;
    }
    const bool closing = page_[at_ + 1] == '/';
    const std::string name = name_at(at_ + (closing ? 2 : 1));
    if (name.empty()) return complain("no tag");
    size_t end = at_ + (closing ? 2 : 1) + name.size();
    while (!closing && attribute(end)) {
    }
    end = after_blanks(end);
    const bool empty = page_.compare(end, 2, "/>") == 0;
    if (!empty && page_.compare(end, 1, ">") != 0) return complain("no end of the tag " + name);
    if (closing) close(name);
    at_ = end + (empty ? 2 : 1);
    if (!closing) open(name, empty);
  }

  // Moves `end` past one attribute: a name, or a name with a quoted value.
  bool attribute(size_t& end) {
    const size_t begin = after_blanks(end);
    const std::string name = name_at(begin);
    if (name.empty() || begin == end) return false;
    end = begin + name.size();
    if (page_.compare(end, 2, "=\"") != 0) return page_.compare(end, 1, "=") != 0;
    const size_t quote = page_.find('"', end + 2);
    if (quote == std::string::npos || page_.find('<', end) < quote) return false;
    end = quote + 1;
    return true;
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
  const std::string address = "href=\"";
  for (size_t at = page.find(address); at != std::string::npos; at = page.find(address, at + 1)) {
    if (page[at + address.size()] != '#') return page.substr(at, 80);
  }
  return "";
}

}  // namespace skipcast::tests
