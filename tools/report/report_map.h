// A forecast as a map with a lead-time slider. Internal to tools.
#pragma once

#include <string>

#include "tools/report/report_view.h"

namespace skipcast::tools {

// Map, controls and the numbers a script needs to show other lead times and fields; without script
// the ensemble mean at the last lead time. REQUIRES has_map(places). Clicking a place chooses it in
// the group `places_group`, when that has one choice a place.
std::string lead_time_map(const WindowView& view, const storage::Places& places,
                          const std::string& places_group);

}  // namespace skipcast::tools
