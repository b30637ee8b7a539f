// The keys there are, by which analogs are found: one file and one line of key_table.cc each.
// Pure functions, thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "engine/settings/forecast_options.h"
#include "retrieval/encoders/encoder.h"
#include "storage/status.h"

namespace skipcast::engine {

class Dataset;
class MeanTable;
class Model;

// What a key is made from; refers to it. An encoder outlives neither model nor dataset.
struct KeySource {
  const Model& model;
  const Dataset& dataset;
  std::span<const int64_t> fit_origins;  // what is fitted is fitted on these windows
  std::function<Result<std::shared_ptr<MeanTable>>()> means;  // opened when first asked for
};

struct KeyRow {
  KeyKind kind;
  std::string_view help;
  bool needs_mean = false;  // the query's mean forecast is part of it
  // The encoder of start.key; errors in a sentence.
  Result<std::unique_ptr<retrieval::Encoder>> (*encoder)(const KeySource& source,
                                                         const StartOptions& start);
  // Of the index's file, where the word alone does not tell it from others; nullptr: the word.
  std::string (*file_name)(const StartOptions& start) = nullptr;
};

// nullptr for a word that names none.
const KeyRow* find_key(KeyKind kind);
// The key of this word; kUsage lists those there are.
Result<KeyKind> key_from(std::string_view word);
// "context, forecast, ...", for help and messages.
std::string key_names();

}  // namespace skipcast::engine
