#include "tests/fuzz/states.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "tests/fuzz/target.h"

namespace skipcast::fuzz {
namespace {

using namespace skipcast::storage;

struct Reading {
  bool opened = false;
  int64_t first = 0, states = 0;
  std::vector<float> values;
  Status end;  // the refusal that ended it
};

void take_block(const StateBlock& block, int64_t width, Reading& reading) {
  SKIPCAST_CHECK(block.states > 0);
  SKIPCAST_CHECK(static_cast<int64_t>(block.values.size()) == block.states * width);
  SKIPCAST_CHECK(std::none_of(block.values.begin(), block.values.end(),
                              [](float x) { return std::isinf(x); }));
  if (reading.states == 0) reading.first = block.first;
  SKIPCAST_CHECK(block.first == reading.first + reading.states);
  reading.states += block.states;
  reading.values.insert(reading.values.end(), block.values.begin(), block.values.end());
}

Reading read_all(const OpenReader& open, int64_t block_states, int64_t states_max) {
  Reading reading;
  const auto reader = open();
  reading.end = reader.status();
  reading.opened = reader.ok();
  if (!reader.ok()) return reading;
  SKIPCAST_CHECK(validate((*reader)->schema()).ok());
  const int64_t width = (*reader)->schema().state_values();
  while (reading.states < states_max) {
    const auto block = (*reader)->next(block_states);
    reading.end = block.status();
    if (!block.ok() || !*block) break;
    SKIPCAST_CHECK((*block)->states <= block_states);
    take_block(**block, width, reading);
    const double progress = (*reader)->progress();
    SKIPCAST_CHECK(progress >= 0 && progress <= 1);
  }
  SKIPCAST_CHECK((*reader)->gap_states() <= reading.states);
  return reading;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

}  // namespace

void check_reader(const OpenReader& open, const std::string& file, int64_t states_max) {
  const Reading reading = read_all(open, 7, states_max);
  if (!reading.end.ok()) check_refusal(reading.end, file);
  if (!reading.opened || reading.values.size() % 4 != 0 || reading.states >= states_max) return;
  const Reading again = read_all(open, 3, states_max);
  SKIPCAST_CHECK(again.first == reading.first && again.states == reading.states);
  SKIPCAST_CHECK(same_bits(again.values, reading.values));
  SKIPCAST_CHECK(again.end.code() == reading.end.code());
}

}  // namespace skipcast::fuzz
