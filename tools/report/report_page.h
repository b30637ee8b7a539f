// A report as one HTML page that needs nothing else: no network, no files, works without script.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/report/report_data.h"

namespace skipcast::tools {

struct ReportInput {
  const storage::SeriesStore& store;
  const engine::ReportData& data;
  std::string command_line;  // for the provenance
  int64_t written_at_s = 0;  // UTC
};

struct Section {
  std::string id, title;
  std::string body;     // HTML
  std::string missing;  // why it shows nothing, and the command that makes it; "" when it shows
};

// All sections, in the page's order. Errors of reading the store.
Result<std::vector<Section>> report_sections(const ReportInput& input);

// The page round them.
std::string report_page(const ReportInput& input, const std::vector<Section>& sections);

}  // namespace skipcast::tools
