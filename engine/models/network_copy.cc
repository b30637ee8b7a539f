#include "engine/models/network_copy.h"

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <optional>

#include "engine/models/model_file.h"
#include "engine/models/weights.h"
#include "engine/settings/words.h"
#include "storage/files/checksum.h"
#include "storage/files/fingerprint.h"

namespace skipcast::engine {
namespace {

constexpr int64_t kVersion = 1;
constexpr const char* kKind = "skipcast fine-tuned network";
const std::string kPrefix = "network.", kRetrieval = kPrefix + "retrieval.";

constexpr Words<Role, 2> kRoles = {
    {{"informed", Role::kConditioned}, {"finisher", Role::kOneStep}}};

Status train_again(const storage::SeriesStore& store, const Task& task, Role role, Code code,
                   const std::string& problem) {
  return Status(code,
                fmt::format("{}: run  skipcast {} {} --task {}", problem,
                            role == Role::kOneStep ? "distill" : "adapt", store.path(), task.name));
}

std::string fingerprint_of(const Weights& weights) {
  std::string content;
  for (const auto& [key, value] : weights.metadata) content += key + value + "\n";
  for (const auto& [name, tensor] : weights.tensors) {
    const std::string_view bytes(static_cast<const char*>(tensor.const_data_ptr()),
                                 tensor.nbytes());
    content += fmt::format("{} {:08x}\n", name, storage::crc32c(bytes));
  }
  return storage::fingerprint_of(content);
}

template <typename Number>
std::optional<Number> number(const Weights& weights, const std::string& key) {
  const auto found = weights.metadata.find(key);
  if (found == weights.metadata.end()) return {};
  const std::string& text = found->second;
  Number value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return {};
  return value;
}

std::string text_of(const Weights& weights, const std::string& key) {
  const auto found = weights.metadata.find(key);
  return found == weights.metadata.end() ? "" : found->second;
}

bool has_retrieval(const Weights& weights) {
  const auto at = weights.tensors.lower_bound(kRetrieval);
  return at != weights.tensors.end() && at->first.starts_with(kRetrieval);
}

// What the metadata say; false when they cannot be read.
bool read_info(const Weights& weights, RoleInfo& info) {
  info.retrieval = has_retrieval(weights);
  info.key = text_of(weights, "key");
  const auto mix = number<double>(weights, "key_mix");
  const auto neighbours = number<int64_t>(weights, "neighbours");
  const auto scale = number<double>(weights, "distance_scale");
  const auto evaluations = number<int64_t>(weights, "evaluations");
  if (!mix || !neighbours || !scale || !evaluations) return false;
  info.key_mix = *mix;
  info.neighbours = *neighbours;
  info.distance_scale = *scale;
  info.evaluations = *evaluations;
  return *neighbours > 0 && *scale > 0 && *evaluations > 0;
}

}  // namespace

const char* word(Role role) { return to_word(kRoles, role); }

std::string fine_tuned_path(const storage::SeriesStore& store, const std::string& task_name,
                            Role role) {
  return fmt::format("{}/models/{}.{}.safetensors", store.path(), task_name, word(role));
}

std::shared_ptr<Network> copy_of(Network& network, const Task& task, const NetworkShape& shape,
                                 bool retrieval) {
  const at::NoGradGuard no_grad;
  std::shared_ptr<Network> copy = make_network(task.network, shape);
  const auto originals = network.named_parameters();
  for (auto& item : copy->named_parameters()) item.value().copy_(originals[item.key()]);
  if (retrieval) copy->add_retrieval(task.training.seed);
  return copy;
}

Status save_fine_tuned(const storage::SeriesStore& store, const Task& task,
                       const std::string& model, const FineTuned& tuned) {
  const RoleInfo& info = tuned.info;
  Weights weights;
  for (const auto& item : tuned.network->named_parameters()) {
    weights.tensors[kPrefix + item.key()] = item.value().detach().cpu().contiguous();
  }
  weights.metadata = tuned.note;
  weights.metadata["kind"] = kKind;
  weights.metadata["version"] = fmt::format("{}", kVersion);
  weights.metadata["role"] = word(info.role);
  weights.metadata["archive"] = store.store_id();
  weights.metadata["model"] = model;
  weights.metadata["key"] = info.key;
  weights.metadata["key_mix"] = fmt::format("{}", info.key_mix);
  weights.metadata["neighbours"] = fmt::format("{}", info.neighbours);
  weights.metadata["distance_scale"] = fmt::format("{}", info.distance_scale);
  weights.metadata["evaluations"] = fmt::format("{}", info.evaluations);
  return write_weights(fine_tuned_path(store, task.name, info.role), weights);
}

Result<FineTuned> read_fine_tuned(const storage::SeriesStore& store, const Task& task,
                                  const NetworkShape& shape, const std::string& model, Role role) {
  const std::string path = fine_tuned_path(store, task.name, role);
  const auto again = [&](Code code, const std::string& problem) {
    return train_again(store, task, role, code, problem);
  };
  if (!std::filesystem::exists(path)) {
    return again(Code::kNotFound,
                 fmt::format("task {} has no {} network yet", task.name, word(role)));
  }
  SKIPCAST_TRY(const Weights weights, read_weights(path));
  const auto version = number<int64_t>(weights, "version");
  if (text_of(weights, "kind") != kKind || text_of(weights, "role") != word(role) || !version) {
    return again(Code::kDataLoss, path + " is not a network of this role");
  }
  if (*version > kVersion) {
    return Status(Code::kUnsupported, fmt::format("{} has format version {}, newer than {}; update "
                                                  "skipcast",
                                                  path, *version, kVersion));
  }
  if (text_of(weights, "archive") != store.store_id()) {
    return again(Code::kRefused, path + " was trained on another archive");
  }
  if (text_of(weights, "model") != model) {
    return again(Code::kRefused,
                 fmt::format("{} was made of another model than task {} has now", path, task.name));
  }
  FineTuned tuned;
  tuned.info.role = role;
  tuned.info.fingerprint = fingerprint_of(weights);
  if (!read_info(weights, tuned.info)) {
    return again(Code::kDataLoss, path + " does not say what it was made of");
  }
  tuned.network = make_network(task.network, shape);
  if (tuned.info.retrieval) tuned.network->add_retrieval(0);
  const Status loaded = load_parameters(weights.tensors, kPrefix, *tuned.network);
  if (!loaded.ok()) return again(Code::kDataLoss, path + ": " + loaded.message());
  for (auto& parameter : tuned.network->parameters()) parameter.set_requires_grad(false);
  tuned.network->eval();
  tuned.note = weights.metadata;
  return tuned;
}

}  // namespace skipcast::engine
