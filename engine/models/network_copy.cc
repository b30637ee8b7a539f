#include "engine/models/network_copy.h"

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <optional>

#include "engine/models/model_file.h"
#include "engine/models/weights.h"
#include "engine/networks/attachment.h"
#include "engine/networks/attachments.h"
#include "storage/files/checksum.h"
#include "storage/files/fingerprint.h"

namespace skipcast::engine {
namespace {

constexpr int64_t kVersion = 1;
constexpr const char* kKind = "skipcast fine-tuned network";
const std::string kPrefix = "network.";

Status train_again(const CopyHome& home, const CopyKind& kind, Code code,
                   const std::string& problem) {
  return Status(code, fmt::format("{}: run  {}", problem,
                                  training_command(kind, home.archive, home.task.name)));
}

std::string path_of(const std::string& archive, const std::string& task_name, const char* name) {
  return fmt::format("{}/models/{}.{}.safetensors", archive, task_name, name);
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

// What the metadata say; false when they cannot be read.
bool read_info(const Weights& weights, CopyInfo& info) {
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

CopyHome copy_home(const storage::SeriesStore& store, const Task& task, const NetworkShape& shape,
                   const std::string& model) {
  return {store.path(), store.store_id(), task, shape, model};
}

std::string copy_path(const std::string& archive, const std::string& task_name,
                      const CopyKind& kind) {
  const std::string now = path_of(archive, task_name, kind.name);
  const std::string before = path_of(archive, task_name, kind.old_name);
  return !std::filesystem::exists(now) && std::filesystem::exists(before) ? before : now;
}

std::shared_ptr<Network> copy_of(Network& network, const Task& task, const NetworkShape& shape,
                                 bool retrieval) {
  const at::NoGradGuard no_grad;
  std::shared_ptr<Network> copy = make_network(task.network, shape);
  const auto originals = network.named_parameters();
  for (auto& item : copy->named_parameters()) item.value().copy_(originals[item.key()]);
  if (retrieval) copy->attach(kRetrievalAttention, task.training.seed);
  return copy;
}

Status save_copy(const CopyHome& home, const StoredCopy& copy) {
  const CopyInfo& info = copy.info;
  const CopyKind& kind = copy_kind(info.kind);
  Weights weights;
  for (const auto& item : copy.network->named_parameters()) {
    weights.tensors[kPrefix + item.key()] = item.value().detach().cpu().contiguous();
  }
  weights.metadata = copy.note;
  weights.metadata["kind"] = kKind;
  weights.metadata["version"] = fmt::format("{}", kVersion);
  weights.metadata["role"] = kind.name;
  weights.metadata["archive"] = home.archive_id;
  weights.metadata["model"] = home.model;
  weights.metadata["key"] = info.key;
  weights.metadata["key_mix"] = fmt::format("{}", info.key_mix);
  weights.metadata["neighbours"] = fmt::format("{}", info.neighbours);
  weights.metadata["distance_scale"] = fmt::format("{}", info.distance_scale);
  weights.metadata["evaluations"] = fmt::format("{}", info.evaluations);
  SKIPCAST_TRY_OK(write_weights(path_of(home.archive, home.task.name, kind.name), weights));
  std::error_code gone;
  std::filesystem::remove(path_of(home.archive, home.task.name, kind.old_name), gone);
  return {};
}

Result<StoredCopy> read_copy(const CopyHome& home, const CopyKind& kind) {
  const std::string path = copy_path(home.archive, home.task.name, kind);
  const auto again = [&](Code code, const std::string& problem) {
    return train_again(home, kind, code, problem);
  };
  if (!std::filesystem::exists(path)) {
    return again(Code::kNotFound,
                 fmt::format("task {} has no {} network yet", home.task.name, kind.name));
  }
  SKIPCAST_TRY(const Weights weights, read_weights(path));
  const auto version = number<int64_t>(weights, "version");
  const CopyKind* said = find_copy_kind(text_of(weights, "role"));
  if (text_of(weights, "kind") != kKind || said != &kind || !version) {
    return again(Code::kDataLoss, fmt::format("{} is not a {} network", path, kind.name));
  }
  if (*version > kVersion) {
    return Status(Code::kUnsupported, fmt::format("{} has format version {}, newer than {}; update "
                                                  "skipcast",
                                                  path, *version, kVersion));
  }
  if (text_of(weights, "archive") != home.archive_id) {
    return again(Code::kRefused, path + " was trained on another archive");
  }
  if (text_of(weights, "model") != home.model) {
    return again(Code::kRefused, fmt::format("{} was made of another model than task {} has now",
                                             path, home.task.name));
  }
  StoredCopy copy;
  copy.info.kind = kind.name;
  copy.info.fingerprint = fingerprint_of(weights);
  if (!read_info(weights, copy.info)) {
    return again(Code::kDataLoss, path + " does not say what it was made of");
  }
  copy.network = make_network(home.task.network, home.shape);
  attach_stored(weights.tensors, kPrefix, *copy.network);
  copy.info.retrieval = copy.network->attachment(kRetrievalAttention) != nullptr;
  const Status loaded = load_parameters(weights.tensors, kPrefix, *copy.network);
  if (!loaded.ok()) return again(Code::kDataLoss, path + ": " + loaded.message());
  for (auto& parameter : copy.network->parameters()) parameter.set_requires_grad(false);
  copy.network->eval();
  copy.note = weights.metadata;
  return copy;
}

}  // namespace skipcast::engine
