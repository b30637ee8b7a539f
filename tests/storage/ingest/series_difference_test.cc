// labels: unit
#include <doctest/doctest.h>

#include "storage/ingest/ingest.h"
#include "tests/storage/readers/foreign_files.h"

using namespace skipcast;
using namespace skipcast::tests;
using storage::PlacesKind;
using storage::Schema;

namespace {

Schema graph() {
  Schema schema;
  schema.axis.step_s = 3600;
  schema.variables = {{.name = "v", .units = "K"}};
  schema.places.names = {"a", "b"};
  schema.places.lat = {1, 2};
  schema.places.lon = {3, 4};
  return schema;
}

Schema grid() {
  Schema schema = graph();
  schema.places.kind = PlacesKind::kGrid;
  schema.places.names.clear();
  return schema;
}

// The archive refuses the changed input, and says so with these parts.
void check_refused(const Schema& archive, const Schema& input,
                   std::initializer_list<std::string> parts) {
  const Status status = storage::check_same_series(archive, input, "a.skc");
  check_failure(status, Code::kRefused, {"a.skc", "append the same series only", "new archive"});
  check_failure(status, Code::kRefused, parts);
}

}  // namespace

TEST_CASE("Same series: titles, tasks and gaps may differ") {
  Schema input = graph();
  input.title = "other";
  input.tasks_json = R"([{"name":"t"}])";
  input.gap_states_max = 9;
  CHECK(storage::check_same_series(graph(), input, "a.skc").ok());
  CHECK(storage::check_same_series(grid(), grid(), "a.skc").ok());
}

TEST_CASE("Other series: places of another kind, number or position") {
  check_refused(graph(), grid(), {"the archive is a graph, the input a grid"});
  check_refused(grid(), graph(), {"the archive is a grid, the input a graph"});
  Schema input = graph();
  input.places.names.push_back("c");
  check_refused(graph(), input, {"the archive has 2 places, the input 3"});
  input = graph();
  input.places.lat[1] = 2.5;
  check_refused(graph(), input, {"lat[1] is 2 in the archive, but 2.5 in the input"});
  input = graph();
  input.places.lon[0] = -3;
  check_refused(graph(), input, {"lon[0] is 3 in the archive, but -3 in the input"});
  input.places.lat.clear();
  check_refused(graph(), input, {"lat has 2 values in the archive, but 0 in the input"});
}

TEST_CASE("Other series: a grid turned on its side has as many places, but is another") {
  Schema archive = grid(), input = grid();
  archive.places.lat = {1, 2, 3};
  input.places.lon = {3, 4, 5};
  check_refused(archive, input, {"lat has 3 values in the archive, but 2 in the input"});
}

TEST_CASE("Other series: steps in months and sessions are told apart") {
  Schema months = graph();
  months.axis.step_s = 0;
  months.axis.step_months = 3;
  check_refused(graph(), months, {"3600 s in the archive", "3 months in the input"});
  Schema sessions = graph();
  sessions.axis.session_states = 8;
  check_refused(graph(), sessions, {"but 3600 s in sessions of 8 states in the input"});
  Schema weekdays = sessions;
  weekdays.axis.weekdays_only = true;
  check_refused(weekdays, sessions, {"sessions of 8 states on weekdays in the archive"});
}

TEST_CASE("Other series: a log transform is named with the archive's choice") {
  Schema logarithmic = graph();
  logarithmic.variables[0].log_transform = true;
  check_refused(logarithmic, graph(), {"log transform of 'v' is on in the archive"});
  check_refused(graph(), logarithmic, {"log transform of 'v' is off in the archive"});
}
