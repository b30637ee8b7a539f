// Text for web pages: escaping, numbers, and the few elements that sections are built of. Pure
// functions, thread-safe. Whatever comes from data goes through escaped() or a function here that
// says so.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace skipcast::tools {

// & < > " ' as entities, control bytes as blanks, bytes that are no UTF-8 as U+FFFD: fit for
// element text and for quoted attributes.
std::string escaped(std::string_view text);

// JSON text fit for a <script type="application/json">: no '<' is left that could end it.
std::string script_json(std::string_view json);

// Four significant digits, no exponent between 1e-4 and 1e6; an en dash for what is not finite.
std::string number_html(double value);
// "-1.2" with a real minus sign and always a sign: "+0.4".
std::string signed_html(double value);

// "2016-12-18 05:00" of "2016-12-18T05:00:00Z": the archive's clock.
std::string time_html(int64_t time_s);

// A key and what its colour is: CSS class of the swatch, text (escaped here).
struct LegendEntry {
  std::string css, text;
};
std::string legend(const std::vector<LegendEntry>& entries);

// A figure: title and caption are escaped here, the plot is HTML.
struct Figure {
  std::string title, plot, caption;
  bool wide = false;  // takes the whole width of the page
};
std::string figure(const Figure& figure);

// Several figures side by side where there is room.
std::string figures(const std::vector<std::string>& each);

// <p> with escaped text.
std::string paragraph(std::string_view text);
// A boxed remark with escaped text: what is missing and which command makes it.
std::string notice(std::string_view text);

// A table; cells are HTML, the first column is the row's name.
struct Table {
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> row_css;  // one a row, or empty
  std::string css = {};              // of the whole: "words" for text, "facts" for keys and values
};
std::string table(const Table& table);

// Alternatives under a control that shows one of them: without script all are shown. `group` is an
// identifier of the page; names are escaped here, bodies are HTML.
struct Choice {
  std::string name, body;
};
enum class Control { kSelect, kSlider };
std::string choices(const std::string& group, const std::string& label, Control control,
                    const std::vector<Choice>& each);

}  // namespace skipcast::tools
