// Where everything on the page comes from, so that it can be made again.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "tools/markup/html.h"
#include "tools/report/report_sections.h"

namespace skipcast::tools {
namespace {

// Rows of key and value; values are escaped here.
class Facts {
 public:
  void add(const std::string& key, const std::string& value) {
    table_.rows.push_back({escaped(key), "<code>" + escaped(value) + "</code>"});
  }
  std::string html() const { return table(table_); }

 private:
  Table table_{.head = {"", ""}, .css = "facts"};
};

std::string details(const std::string& title, const std::string& text) {
  return fmt::format("<details><summary>{}</summary><pre>{}</pre></details>\n", escaped(title),
                     escaped(text));
}

// Pretty JSON of JSON text.
std::string indented(const std::string& json) {
  const nlohmann::json value = nlohmann::json::parse(json, nullptr, false);
  return value.is_discarded() ? json
                              : value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

void add_archive(const ReportInput& input, Facts& facts) {
  const storage::SeriesStore& store = input.store;
  const storage::Receipt last = store.last();
  facts.add("archive", store.path());
  facts.add("archive id", store.store_id());
  facts.add("last block", fmt::format("{}, {} states, chain checksum {:08x}", last.block,
                                      last.states, last.chain));
  int64_t erased = 0;
  for (const storage::Erasure& erasure : store.erasures()) erased += erasure.states;
  if (erased > 0) facts.add("erased", fmt::format("{} states (some places or all)", erased));
}

void add_model(const ReportInput& input, Facts& facts) {
  if (input.data.forecaster == nullptr) return;
  const engine::Model& model = input.data.forecaster->model();
  const storage::TimeAxis& axis = input.store.schema().axis;
  const engine::Split& split = model.split();
  facts.add("task", model.task().name);
  facts.add("model",
            fmt::format("fingerprint {}, {} parameters{}", model.fingerprint(), model.parameters(),
                        model.can(engine::kCrossFitted) ? ", cross-fitted" : ""));
  facts.add("split", fmt::format("validation from {}, test from {}, of {} states at training",
                                 time_html(axis.time_at(split.train_end)),
                                 time_html(axis.time_at(split.validation_end)), split.states));
  for (const engine::Policy& policy : input.data.policies) {
    const bool smooth = policy.depth.on();
    facts.add("policy",
              fmt::format("{}: {} bins, validation CRPS {:.4f} (normalised), mean NFE "
                          "{:.2f}{}",
                          policy.name, policy.bins.size(), policy.validation_crps, policy.mean_nfe,
                          smooth ? "; " + describe(policy.depth, policy.measure) : ""));
  }
  if (input.data.query) {
    facts.add("key of the analogs", input.data.query->analogs.encoder_fingerprint);
  }
}

}  // namespace

Result<Section> provenance_section(const ReportInput& input) {
  Section section{.id = "provenance", .title = "Provenance"};
  Facts facts;
  add_archive(input, facts);
  add_model(input, facts);
  facts.add("command", input.command_line);
  facts.add("program", "skipcast " SKIPCAST_VERSION);
  facts.add("written", fmt::format("{} UTC, after {:.0f} s of work", time_html(input.written_at_s),
                                   input.data.seconds));
  section.body = paragraph(
      "Made with one random seed from what is listed here; the same command on the same archive "
      "and type of CPU gives the same numbers, times apart.");
  section.body += facts.html();
  if (input.data.forecaster != nullptr) {
    section.body +=
        details("The task", indented(engine::to_json(input.data.forecaster->model().task())));
  }
  for (const engine::Policy& policy : input.data.policies) {
    section.body += details("Policy " + policy.name, indented(engine::to_json(policy)));
  }
  return section;
}

}  // namespace skipcast::tools
