#include "tools/report/report_page.h"

#include <fmt/format.h>

#include "tools/markup/html.h"
#include "tools/report/report_sections.h"

namespace skipcast::tools {
namespace {

std::string title_of(const ReportInput& input) {
  const std::string& title = input.store.schema().title;
  return title.empty() ? input.store.path() : title;
}

std::string subtitle(const ReportInput& input) {
  if (input.data.forecaster == nullptr) return "What the archive holds.";
  const engine::Task& task = input.data.forecaster->model().task();
  std::string targets;
  for (const std::string& name : task.variables) targets += (targets.empty() ? "" : ", ") + name;
  return fmt::format("Task {}: {}, {} states ahead from {} states of context.", task.name, targets,
                     task.spec.future_states, task.spec.context_states);
}

std::string navigation(const std::vector<Section>& sections) {
  std::string text = "<nav aria-label=\"Sections\"><ul>";
  for (const Section& section : sections) {
    text += fmt::format("<li><a href=\"#{}\">{}</a></li>", section.id, escaped(section.title));
  }
  return text + "</ul></nav>\n";
}

std::string section_html(const Section& section) {
  return fmt::format("<section id=\"{}\"><h2>{}</h2>\n{}{}</section>\n", section.id,
                     escaped(section.title), section.missing.empty() ? "" : notice(section.missing),
                     section.body);
}

}  // namespace

Result<std::vector<Section>> report_sections(const ReportInput& input) {
  using Make = Result<Section> (*)(const ReportInput&);
  std::vector<Make> makers = {coverage_section, provenance_section};
  if (input.data.forecaster != nullptr) {
    makers = {score_section, forecast_section,    retrieval_section,
              chain_section, calibration_section, front_section,
              worst_section, coverage_section,    provenance_section};
  }
  std::vector<Section> sections;
  for (const Make make : makers) {
    SKIPCAST_TRY(Section section, make(input));
    sections.push_back(std::move(section));
  }
  return sections;
}

std::string report_page(const ReportInput& input, const std::vector<Section>& sections) {
  const std::string title = escaped(title_of(input));
  std::string page = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta "
      "name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta "
      "name=\"color-scheme\" content=\"light dark\">\n<title>{} – skipcast report</title>\n"
      "<style>{}</style>\n</head>\n<body>\n<header><p class=\"kicker\">skipcast report</p><h1>{}"
      "</h1>\n<p class=\"subtitle\">{}</p>\n{}</header>\n",
      title, report_style(), title, escaped(subtitle(input)), navigation(sections));
  page += "<main>\n";
  if (input.data.forecaster == nullptr) {
    page +=
        notice(fmt::format("No trained task is shown: `skipcast train {} --task NAME` trains "
                           "one, and `skipcast inspect {}` lists their names.",
                           input.store.path(), input.store.path()));
  }
  page += headline(input);
  for (const Section& section : sections) page += section_html(section);
  page += fmt::format(
      "</main>\n<div id=\"tip\" hidden></div>\n<script>{}</script>\n</body>\n"
      "</html>\n",
      report_script());
  return page;
}

}  // namespace skipcast::tools
