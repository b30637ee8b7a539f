#include "tools/report/report_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tools/markup/html.h"
#include "tools/markup/svg_map.h"

namespace skipcast::tools {
namespace {

constexpr int64_t kMarksMax = 2000;
constexpr int64_t kLeadsMax = 24;

// A field at the lead times shown: [lead][mark].
struct Field {
  std::string name, label;
  Range range;
  std::vector<std::vector<double>> values;
};

std::vector<int64_t> leads_shown(int64_t lead_times) {
  const int64_t count = std::min(lead_times, kLeadsMax);
  std::vector<int64_t> leads;
  for (int64_t i = 0; i < count; ++i) {
    leads.push_back(count == 1 ? 0 : i * (lead_times - 1) / (count - 1));
  }
  return leads;
}

Range range_of(const std::vector<const Field*>& fields) {
  Extent extent;
  for (const Field* field : fields) {
    for (const auto& lead : field->values) {
      for (const double value : lead) extent.see(value);
    }
  }
  return extent.empty() ? Range{} : round_range(extent.low(), extent.high(), 8);
}

class LeadTimeMap {
 public:
  LeadTimeMap(const WindowView& view, const storage::Places& places)
      : view_(view),
        places_(places),
        layout_(layout_of(places, kMarksMax)),
        leads_(leads_shown(view.ensemble().lead_times())) {
    const std::string name = view.ensemble().variable(view.target()).name;
    fields_ = {ensemble("ensemble mean of " + name, &Summary::mean),
               ensemble("spread (standard deviation) of " + name, &Summary::spread)};
    if (view.anything_came()) fields_.push_back(observed("observed " + name));
    const bool seen = fields_.size() > 2;
    fields_[0].range = range_of({&fields_[0], &fields_[seen ? 2 : 0]});
    fields_[1].range = range_of({&fields_[1]});
    if (seen) fields_[2].range = fields_[0].range;  // one scale for what is to be compared
  }

  std::string html(const std::string& group) const {
    const size_t last = leads_.size() - 1;
    const bool nodes = layout_.rows == 0;
    return fmt::format(
        "<div class=\"leadmap\" data-choose-place=\"{}\"><div class=\"controls js-only\"><label "
        "class=\"chooser\"><span>Show</span> <select class=\"field\">{}</select></label> <label "
        "class=\"chooser\"><span>Lead time</span> <input class=\"lead\" type=\"range\" min=\"0\" "
        "max=\"{}\" value=\"{}\"></label></div><p class=\"lead-name\">{}</p>\n{}{}<script "
        "type=\"application/json\">{}</script></div>\n",
        nodes ? group : "", field_options(), last, last, escaped(lead_name(last)),
        map_svg(layout_, fields_[0].values[last], fields_[0].range),
        map_legend(fields_[0].label, fields_[0].range), data());
  }

 private:
  Field ensemble(const std::string& name, double Summary::*which) const {
    Field field{.name = name, .label = label(name)};
    for (const int64_t lead : leads_) {
      std::vector<double> values;
      for (int64_t place = 0; place < places_.count(); ++place) {
        values.push_back(view_.ensemble().at(lead, view_.target(), place).*which);
      }
      field.values.push_back(mark_values(layout_, places_, values));
    }
    return field;
  }

  Field observed(const std::string& name) const {
    Field field{.name = name, .label = label(name)};
    for (const int64_t lead : leads_) {
      std::vector<double> values;
      for (int64_t place = 0; place < places_.count(); ++place) {
        values.push_back(view_.observed(lead + 1, place));
      }
      field.values.push_back(mark_values(layout_, places_, values));
    }
    return field;
  }

  std::string label(const std::string& name) const {
    return view_.unit().empty() || view_.unit() == "1" ? name : name + " (" + view_.unit() + ")";
  }

  std::string lead_name(size_t i) const {
    const double hours = static_cast<double>(view_.time_s(leads_[i] + 1) - view_.origin_s()) / 3600;
    return fmt::format("{} (lead time {:g} h)", time_html(view_.time_s(leads_[i] + 1)), hours);
  }

  std::string field_options() const {
    std::string text;
    for (size_t i = 0; i < fields_.size(); ++i) {
      text += fmt::format("<option value=\"{}\">{}</option>", i, escaped(fields_[i].name));
    }
    return text;
  }

  // Four digits are enough for a colour and a hover text, and half the bytes.
  static nlohmann::json rounded(const std::vector<double>& values) {
    nlohmann::json list = nlohmann::json::array();
    for (const double value : values) {
      if (std::isfinite(value)) {
        list.push_back(nlohmann::json::parse(fmt::format("{:.4g}", value)));
      } else {
        list.push_back(nullptr);
      }
    }
    return list;
  }

  std::string data() const {
    nlohmann::json value = {{"palette", map_palette()}, {"names", layout_.names}};
    for (size_t i = 0; i < leads_.size(); ++i) value["leads"].push_back(lead_name(i));
    for (const Field& field : fields_) {
      nlohmann::json leads = nlohmann::json::array();
      for (const auto& lead : field.values) leads.push_back(rounded(lead));
      value["fields"].push_back({{"label", field.label},
                                 {"unit", view_.unit()},
                                 {"low", field.range.low},
                                 {"high", field.range.high},
                                 {"values", leads}});
    }
    return script_json(value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  }

  const WindowView& view_;
  const storage::Places& places_;
  MapLayout layout_;
  std::vector<int64_t> leads_;
  std::vector<Field> fields_;
};

}  // namespace

std::string lead_time_map(const WindowView& view, const storage::Places& places,
                          const std::string& places_group) {
  return LeadTimeMap(view, places).html(places_group);
}

}  // namespace skipcast::tools
