// The sections of a report, one function each, and the style and script they share. Internal to
// tools. Errors: of reading the store.
#pragma once

#include <string>

#include "tools/report/report_page.h"

namespace skipcast::tools {

// The figures everybody asks for first, above the sections; "" without scores.
std::string headline(const ReportInput& input);

Result<Section> coverage_section(const ReportInput& input);
Result<Section> forecast_section(const ReportInput& input);
Result<Section> retrieval_section(const ReportInput& input);
Result<Section> chain_section(const ReportInput& input);
Result<Section> score_section(const ReportInput& input);
Result<Section> calibration_section(const ReportInput& input);
Result<Section> front_section(const ReportInput& input);
Result<Section> worst_section(const ReportInput& input);
Result<Section> provenance_section(const ReportInput& input);

// Text of the <style> and <script> elements.
std::string report_style();
std::string report_script();

// Unit of the task's first target, not escaped. REQUIRES a forecaster.
std::string target_unit(const ReportInput& input);

// CSS class of a system's colour: "policy", "cold", "reference", "control", "baseline".
std::string role_css(engine::ScoredSystem::Role role);

// "-1.2 % [-2.0, -0.4]" as HTML.
std::string difference_html(const engine::Difference& difference);

// "is better than", "is worse than" or "cannot be told apart from", by the interval.
std::string verdict(const engine::Difference& difference);

}  // namespace skipcast::tools
