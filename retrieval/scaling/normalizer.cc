#include "retrieval/scaling/normalizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "retrieval/scaling/normalizer_fit.h"
#include "retrieval/scaling/slots.h"
#include "storage/files/fingerprint.h"

namespace skipcast::retrieval {
namespace {

using nlohmann::json;

constexpr int kJsonVersion = 1;
constexpr int64_t kSizeMax = int64_t{1} << 31;  // floats in one array of a file

std::vector<std::string> words_of(const std::vector<Transform>& transforms) {
  std::vector<std::string> words;
  words.reserve(transforms.size());
  for (const Transform t : transforms) words.emplace_back(kTransformWords[static_cast<int>(t)]);
  return words;
}

Result<std::vector<Transform>> transforms_from(const std::vector<std::string>& words) {
  std::vector<Transform> transforms;
  for (const std::string& word : words) {
    const auto* found = std::find(std::begin(kTransformWords), std::end(kTransformWords), word);
    if (found == std::end(kTransformWords)) {
      return bad_input(fmt::format("normalizer field 'transforms' has '{:.80}'", word));
    }
    transforms.push_back(static_cast<Transform>(found - std::begin(kTransformWords)));
  }
  return transforms;
}

json axis_json(const storage::TimeAxis& axis) {
  return {{"start_s", axis.start_s},
          {"step_s", axis.step_s},
          {"step_months", axis.step_months},
          {"session_states", axis.session_states},
          {"weekdays_only", axis.weekdays_only}};
}

storage::TimeAxis axis_from(const json& object) {
  storage::TimeAxis axis;
  axis.start_s = object.at("start_s").get<int64_t>();
  axis.step_s = object.at("step_s").get<int64_t>();
  axis.step_months = object.at("step_months").get<int32_t>();
  axis.session_states = object.at("session_states").get<int32_t>();
  axis.weekdays_only = object.at("weekdays_only").get<bool>();
  return axis;
}

// The base64 field of `count` finite floats.
Result<std::vector<float>> floats_field(const json& object, const char* field, int64_t count) {
  const std::string& text = object.at(field).get_ref<const std::string&>();
  std::vector<float> values(text.size() < static_cast<size_t>(count) ? 0 : count);
  if (values.empty() || !storage::floats_from_text(text, values)) {
    return bad_input(fmt::format("normalizer field '{}' does not hold {} floats", field, count));
  }
  const auto finite = [](float value) { return std::isfinite(value); };
  if (!std::all_of(values.begin(), values.end(), finite)) {
    return bad_input(fmt::format("normalizer field '{}' holds a value that is not finite", field));
  }
  return values;
}

}  // namespace

Result<Normalizer> Normalizer::fit(const storage::SeriesStore& store,
                                   const NormalizerOptions& options, const Progress& progress) {
  SKIPCAST_TRY(NormalizerStatistics statistics, fit_statistics(store, options, progress));
  Normalizer made;
  made.options_ = options;
  made.axis_ = store.schema().axis;
  made.transforms_ = std::move(statistics.transforms);
  made.places_ = statistics.places;
  made.slots_ = statistics.slots;
  made.base_ = std::move(statistics.base);
  made.scale_ = std::move(statistics.scale);
  return made;
}

int64_t Normalizer::slot_of(int64_t state) const {
  return slots_ == 1 ? 0 : slot_of_state(axis_, options_.base, state);
}

void Normalizer::normalise_row(int64_t variable, int64_t slot, float* row) const {
  const float* base = base_.data() + (variable * slots_ + slot) * places_;
  const float* scale = scale_.data() + variable * places_;
  const Transform transform = transforms_[static_cast<size_t>(variable)];
  if (transform != Transform::kIdentity) {
    for (int64_t p = 0; p < places_; ++p) row[p] = apply(transform, row[p]);
  }
  for (int64_t p = 0; p < places_; ++p) row[p] = (row[p] - base[p]) / scale[p];
}

void Normalizer::denormalise_row(int64_t variable, int64_t slot, float* row) const {
  const float* base = base_.data() + (variable * slots_ + slot) * places_;
  const float* scale = scale_.data() + variable * places_;
  for (int64_t p = 0; p < places_; ++p) row[p] = row[p] * scale[p] + base[p];
  const Transform transform = transforms_[static_cast<size_t>(variable)];
  if (transform == Transform::kIdentity) return;
  for (int64_t p = 0; p < places_; ++p) row[p] = invert(transform, row[p]);
}

void Normalizer::normalise(int64_t first, int64_t count, std::span<float> values) const {
  const int64_t variables = static_cast<int64_t>(transforms_.size());
  SKIPCAST_CHECK(static_cast<int64_t>(values.size()) == count * variables * places_);
  for (int64_t row = 0; row < count * variables; ++row) {
    normalise_row(row % variables, slot_of(first + row / variables), values.data() + row * places_);
  }
}

void Normalizer::denormalise(int64_t first, int64_t count, std::span<float> values) const {
  const int64_t variables = static_cast<int64_t>(transforms_.size());
  SKIPCAST_CHECK(static_cast<int64_t>(values.size()) == count * variables * places_);
  for (int64_t row = 0; row < count * variables; ++row) {
    denormalise_row(row % variables, slot_of(first + row / variables),
                    values.data() + row * places_);
  }
}

void Normalizer::normalise_one(int64_t variable, int64_t first, int64_t count,
                               std::span<float> values) const {
  SKIPCAST_CHECK(static_cast<int64_t>(values.size()) == count * places_);
  for (int64_t i = 0; i < count; ++i) {
    normalise_row(variable, slot_of(first + i), values.data() + i * places_);
  }
}

void Normalizer::denormalise_one(int64_t variable, int64_t first, int64_t count,
                                 std::span<float> values) const {
  SKIPCAST_CHECK(static_cast<int64_t>(values.size()) == count * places_);
  for (int64_t i = 0; i < count; ++i) {
    denormalise_row(variable, slot_of(first + i), values.data() + i * places_);
  }
}

std::string Normalizer::to_json() const {
  return json{{"kind", "normalizer"},
              {"version", kJsonVersion},
              {"variables", options_.variables},
              {"base_kind", kBaseWords[static_cast<int>(options_.base)]},
              {"train_states", options_.train_states},
              {"smoothing", options_.smoothing},
              {"axis", axis_json(axis_)},
              {"square_root", options_.square_root},
              {"transforms", words_of(transforms_)},
              {"places", places_},
              {"base", storage::floats_to_text(base_)},
              {"scale", storage::floats_to_text(scale_)}}
      .dump();
}

Status Normalizer::read_json(std::string_view text) {
  const json object = json::parse(text);
  if (object.at("version").get<int>() > kJsonVersion) {
    return Status(Code::kUnsupported, "the normalizer was written by a newer version of skipcast");
  }
  options_.variables = object.at("variables").get<std::vector<int32_t>>();
  options_.train_states = object.at("train_states").get<int64_t>();
  const std::string base_kind = object.at("base_kind").get<std::string>();
  const auto* word = std::find(std::begin(kBaseWords), std::end(kBaseWords), base_kind);
  if (word == std::end(kBaseWords)) {
    return bad_input(fmt::format("normalizer field 'base_kind' is '{}'", base_kind));
  }
  options_.base = static_cast<Base>(word - std::begin(kBaseWords));
  options_.smoothing = object.at("smoothing").get<int64_t>();
  axis_ = axis_from(object.at("axis"));
  SKIPCAST_TRY_OK(storage::validate(axis_));
  options_.square_root = object.at("square_root").get<std::vector<int32_t>>();
  SKIPCAST_TRY(transforms_,
               transforms_from(object.at("transforms").get<std::vector<std::string>>()));
  places_ = object.at("places").get<int64_t>();
  slots_ = slot_count(axis_, options_.base);
  const int64_t variables = static_cast<int64_t>(options_.variables.size());
  if (variables == 0 || transforms_.size() != options_.variables.size() || places_ < 1 ||
      places_ > kSizeMax || variables > kSizeMax / (places_ * slots_)) {
    return bad_input("the normalizer's sizes do not fit together");
  }
  SKIPCAST_TRY(base_, floats_field(object, "base", variables * slots_ * places_));
  SKIPCAST_TRY(scale_, floats_field(object, "scale", variables * places_));
  const auto positive = [](float value) { return value > 0; };
  if (!std::all_of(scale_.begin(), scale_.end(), positive)) {
    return bad_input("normalizer field 'scale' holds a value that is not positive");
  }
  return Status();
}

Result<Normalizer> Normalizer::from_json(std::string_view text) {
  Normalizer made;
  try {
    SKIPCAST_TRY_OK(made.read_json(text));
  } catch (const json::exception& error) {
    return bad_input(fmt::format("the normalizer is not valid JSON: {}", error.what()));
  }
  return made;
}

std::string Normalizer::fingerprint() const { return storage::fingerprint_of(to_json()); }

}  // namespace skipcast::retrieval
