// Kinds of copies of a network: further networks of a task, beside its model, each trained for
// something else (engine/models/network_copy.h). A kind is one row of the table in copy_kinds.cc;
// files, checks, salvage, transfer, policies and forecasts go over the table. Constant,
// thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "engine/settings/forecast_options.h"

namespace skipcast::engine {

struct CopyKind {
  const char* name;      // in the names of files, metadata, policies and what users read
  const char* old_name;  // an earlier version's word, still read; "" if there is none
  const char* training;  // the command that trains it: {} the archive, {} the task
  bool (*wanted)(const Setting& setting);  // does this setting run it?
  bool counted;  // it makes a member in no more evaluations than it was trained for
};

// The denoiser of a chain that also sees what happened after similar situations.
inline constexpr const char* kConditionedCopy = "conditioned";
// Makes a member in one evaluation, or two.
inline constexpr const char* kOneStepCopy = "one-step";

std::span<const CopyKind> copy_kinds();

// By either name; null when there is none.
const CopyKind* find_copy_kind(std::string_view name);

// REQUIRES one of the names.
const CopyKind& copy_kind(std::string_view name);

// What this setting runs; null: the model itself, or no network at all.
const CopyKind* copy_for(const Setting& setting);

// "skipcast distill ARCHIVE --task TASK".
std::string training_command(const CopyKind& kind, std::string_view archive, std::string_view task);

// What a copy was made of.
struct CopyInfo {
  std::string kind;             // the name of its kind
  bool retrieval = false;       // it can be conditioned on what happened after similar situations:
  std::string key = "context";  // after the nearest windows by this key
  double key_mix = 0.5;         // of a mixed key
  int64_t neighbours = 8;       // so many of them
  double distance_scale = 1;    // a usual distance, not squared
  int64_t evaluations = 1;      // of a counted kind, the most that it was trained for
  std::string fingerprint;      // of its weights and metadata
};

}  // namespace skipcast::engine
