#include "tools/markup/html.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "storage/schema/time_axis.h"

namespace skipcast::tools {
namespace {

// Length of the UTF-8 sequence at `at`, 0 when there is none that is whole.
size_t sequence(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at);
  const size_t length = lead < 0x80                   ? 1
                        : lead >= 0xc2 && lead < 0xe0 ? 2
                        : lead >= 0xe0 && lead < 0xf0 ? 3
                        : lead >= 0xf0 && lead < 0xf5 ? 4
                                                      : 0;
  if (length == 0 || at + length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

const char* entity(char letter) {
  switch (letter) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      return nullptr;
  }
}

std::string options(const std::vector<Choice>& each) {
  std::string text;
  for (size_t i = 0; i < each.size(); ++i) {
    text += fmt::format("<option value=\"{}\">{}</option>", i, escaped(each[i].name));
  }
  return text;
}

std::string control(const std::string& group, const std::string& label, Control kind,
                    const std::vector<Choice>& each) {
  const std::string name = escaped(label);
  if (kind == Control::kSelect) {
    return fmt::format(
        "<label class=\"chooser\"><span>{}</span> <select data-choose=\"{}\">{}"
        "</select></label>",
        name, group, options(each));
  }
  return fmt::format(
      "<label class=\"chooser\"><span>{}</span> <input type=\"range\" min=\"0\" "
      "max=\"{}\" value=\"0\" data-choose=\"{}\"> <output>{}</output></label>",
      name, each.size() - 1, group, escaped(each.front().name));
}

std::string row(const std::vector<std::string>& cells, const std::string& css) {
  std::string text = css.empty() ? "<tr>" : fmt::format("<tr class=\"{}\">", css);
  for (size_t i = 0; i < cells.size(); ++i) {
    text += i == 0 ? fmt::format("<th scope=\"row\">{}</th>", cells[i])
                   : fmt::format("<td>{}</td>", cells[i]);
  }
  return text + "</tr>\n";
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t length = sequence(text, at);
    if (length == 0) {
      out += "\xef\xbf\xbd";
      ++at;
      continue;
    }
    const char letter = text[at];
    if (const char* known = entity(letter)) {
      out += known;
    } else if (length == 1 && (static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f)) {
      out += letter == '\n' ? '\n' : ' ';
    } else {
      out += text.substr(at, length);
    }
    at += length;
  }
  return out;
}

std::string script_json(std::string_view json) {
  std::string out;
  for (const char letter : json) {
    if (letter == '<') {
      out += "\\u003c";
    } else {
      out += letter;
    }
  }
  return out;
}

std::string number_html(double value) {
  if (!std::isfinite(value)) return "–";
  const double size = std::abs(value);
  if (size >= 1000 && size < 1e6) return fmt::format("{:.0f}", value);
  return fmt::format("{:.4g}", value);
}

std::string signed_html(double value) {
  if (!std::isfinite(value)) return "–";
  const std::string digits = fmt::format("{:.1f}", std::abs(value));
  if (digits == "0.0") return "0.0";
  return (value < 0 ? "−" : "+") + digits;
}

std::string time_html(int64_t time_s) {
  std::string text = storage::format_time(time_s);  // "2016-12-18T05:00:00Z"
  const bool whole_minutes = text.ends_with(":00Z");
  text.resize(text.size() - (whole_minutes ? 4 : 1));
  std::replace(text.begin(), text.end(), 'T', ' ');
  return text;
}

std::string legend(const std::vector<LegendEntry>& entries) {
  std::string text = "<ul class=\"legend\">";
  for (const LegendEntry& entry : entries) {
    text += fmt::format("<li><i class=\"swatch {}\"></i>{}</li>", entry.css, escaped(entry.text));
  }
  return text + "</ul>\n";
}

std::string figure(const Figure& figure) {
  return fmt::format("<figure{}><h3>{}</h3>\n{}<figcaption>{}</figcaption></figure>\n",
                     figure.wide ? " class=\"wide\"" : "", escaped(figure.title), figure.plot,
                     escaped(figure.caption));
}

std::string figures(const std::vector<std::string>& each) {
  std::string text = "<div class=\"figures\">\n";
  for (const std::string& one : each) text += one;
  return text + "</div>\n";
}

std::string paragraph(std::string_view text) { return "<p>" + escaped(text) + "</p>\n"; }

std::string notice(std::string_view text) {
  return "<p class=\"notice\">" + escaped(text) + "</p>\n";
}

std::string table(const Table& table) {
  std::string text = fmt::format("<div class=\"scroll {}\"><table>\n<thead><tr>", table.css);
  for (const std::string& cell : table.head) text += "<th scope=\"col\">" + cell + "</th>";
  text += "</tr></thead>\n<tbody>\n";
  for (size_t i = 0; i < table.rows.size(); ++i) {
    text += row(table.rows[i], table.row_css.empty() ? "" : table.row_css[i]);
  }
  return text + "</tbody></table></div>\n";
}

std::string choices(const std::string& group, const std::string& label, Control kind,
                    const std::vector<Choice>& each) {
  std::string text;
  if (each.size() > 1) text = control(group, label, kind, each) + "\n";
  for (size_t i = 0; i < each.size(); ++i) {
    const std::string name = escaped(each[i].name);
    text += fmt::format(
        "<div class=\"choice{}\" data-group=\"{}\" data-name=\"{}\"><h4>{}</h4>{}"
        "</div>\n",
        i == 0 ? " on" : "", group, name, name, each[i].body);
  }
  return text;
}

}  // namespace skipcast::tools
