#include "engine/models/model_file.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/data/folds.h"
#include "engine/models/weights.h"
#include "engine/networks/attachments.h"
#include "storage/files/checksum.h"
#include "storage/files/file_io.h"
#include "storage/files/fingerprint.h"
#include "storage/files/json_document.h"

namespace skipcast::engine {
namespace {

using Json = nlohmann::json;

constexpr int kNestingMax = 64;  // printing recurses that deep
constexpr int64_t kDescriptionBytesMax = int64_t{1} << 30;
constexpr const char* kDescriptionCrc = "description_crc32c";

std::string crc_text(std::string_view bytes) {
  return fmt::format("{:08x}", storage::crc32c(bytes));
}

// "network.", "network1.", ...
std::string network_prefix(size_t number) {
  return number == 0 ? "network." : fmt::format("network{}.", number);
}

std::string fold_prefix(size_t fold) { return fmt::format("fold{}.", fold); }

Status make_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return storage::system_error("create", path, error.value());
  return {};
}

}  // namespace

ModelPaths model_paths(const storage::SeriesStore& store, const std::string& task_name) {
  const std::string base = store.path() + "/models/" + task_name;
  return {base + ".safetensors", base + ".json", base + ".checkpoint.safetensors",
          base + ".log.jsonl"};
}

std::string describe_model(const storage::SeriesStore& store, const Task& task, const Split& split,
                           const retrieval::Normalizer& normalizer) {
  const Json json = {{"kind", "skipcast model"},
                     {"version", kModelVersion},
                     {"archive", store.store_id()},
                     {"task", Json::parse(to_json(task))},
                     {"split",
                      {{"states", split.states},
                       {"train_end", split.train_end},
                       {"validation_end", split.validation_end}}},
                     {"normalizer", Json::parse(normalizer.to_json())}};
  return json.dump(1) + "\n";
}

Status save_model(const storage::SeriesStore& store, const ModelParts& parts,
                  const std::map<std::string, std::string>& note) {
  const ModelPaths paths = model_paths(store, parts.task.name);
  SKIPCAST_TRY_OK(make_folder(store.path() + "/models"));
  const std::string description = describe_model(store, parts.task, parts.split, parts.normalizer);
  const Result<std::string> present = storage::read_file(paths.description, kDescriptionBytesMax);
  if (!present.ok() || *present != description) {
    SKIPCAST_TRY_OK(storage::write_file_durably(paths.description, description));
  }
  Weights weights;
  const auto add = [&](const std::string& prefix, const Network& network) {
    for (const auto& item : network.named_parameters()) {
      weights.tensors[prefix + item.key()] = item.value().detach();
    }
  };
  const auto networks = member_networks(parts);
  for (size_t i = 0; i < networks.size(); ++i) add(network_prefix(i), *networks[i]);
  for (size_t i = 0; i < parts.folds.size(); ++i) add(fold_prefix(i), *parts.folds[i]);
  weights.tensors["target.damping"] = parts.target.damping;
  weights.tensors["target.scale"] = parts.target.scale;
  weights.metadata = note;
  weights.metadata[kDescriptionCrc] = crc_text(description);
  return write_weights(paths.weights, weights);
}

Status load_parameters(const std::map<std::string, at::Tensor>& tensors, const std::string& prefix,
                       Network& network) {
  const at::NoGradGuard no_grad;
  size_t taken = 0;
  for (auto& item : network.named_parameters()) {
    const auto found = tensors.find(prefix + item.key());
    if (found == tensors.end() || found->second.sizes() != item.value().sizes() ||
        found->second.scalar_type() != at::kFloat) {
      return data_loss(fmt::format("parameter {} is missing or of another shape", item.key()));
    }
    item.value().copy_(found->second);
    ++taken;
  }
  for (const auto& [name, tensor] : tensors) taken -= name.starts_with(prefix) ? 1 : 0;
  return taken == 0 ? Status() : data_loss("there are parameters the network does not have");
}

std::vector<std::shared_ptr<Network>> member_networks(const ModelParts& parts) {
  std::vector<std::shared_ptr<Network>> networks = {parts.network};
  networks.insert(networks.end(), parts.others.begin(), parts.others.end());
  return networks;
}

std::vector<Network*> networks_of(const ModelParts& parts) {
  std::vector<Network*> networks;
  for (const auto& network : member_networks(parts)) networks.push_back(network.get());
  for (const auto& fold : parts.folds) networks.push_back(fold.get());
  return networks;
}

void move_to(const Compute& compute, ModelParts& parts) {
  parts.target.damping = parts.target.damping.to(compute.device);
  parts.target.scale = parts.target.scale.to(compute.device);
  for (Network* network : networks_of(parts)) network->to(compute.device);
}

namespace {

// What a description says about where the model belongs; the rest follows from its task.
struct Description {
  Task task;
  Split split;
  retrieval::Normalizer normalizer;
};

// Throws nlohmann's exceptions on missing keys; read_description() stops them.
Result<Description> parse_description(const storage::SeriesStore& store, const std::string& text,
                                      const std::string& path) {
  const Json json = Json::parse(text);
  const int64_t version = json.at("version").get<int64_t>();
  if (version > kModelVersion) {
    return Status(Code::kUnsupported, fmt::format("{} has format version {}, newer than {}; update "
                                                  "skipcast",
                                                  path, version, kModelVersion));
  }
  if (json.at("archive").get<std::string>() != store.store_id()) {
    return refused(fmt::format("{} was trained on another archive (id {}); train it here", path,
                               json.at("archive").get<std::string>().substr(0, 32)));
  }
  SKIPCAST_TRY(Task task, task_from_json(json.at("task").dump(), store.schema().places.kind));
  Result<retrieval::Normalizer> normalizer =
      retrieval::Normalizer::from_json(json.at("normalizer").dump());
  if (!normalizer.ok()) {
    return Status(normalizer.status().code(),
                  fmt::format("{}: {}; update skipcast, or train the task again", path,
                              normalizer.status().message()));
  }
  const Json& split = json.at("split");
  return Description{std::move(task),
                     {split.at("states").get<int64_t>(), split.at("train_end").get<int64_t>(),
                      split.at("validation_end").get<int64_t>()},
                     std::move(*normalizer)};
}

Result<Description> read_description(const storage::SeriesStore& store, const std::string& text,
                                     const std::string& path) {
  if (storage::json_depth(text) > kNestingMax) {
    return data_loss(path + " is damaged (nested too deeply); train the task again");
  }
  try {
    return parse_description(store, text, path);
  } catch (const Json::exception&) {
    return data_loss(path + " is damaged; train the task again");
  }
}

// The archive's task may have got other training options since; what is forecast may not differ.
Status check_task(const Task& asked, const Task& trained, const std::string& path) {
  const auto differs = [&](const char* key) {
    return refused(fmt::format("{} was trained for other {} than task {} has now; train it again",
                               path, key, asked.name));
  };
  if (trained.name != asked.name) {
    return refused(
        fmt::format("{} is a model of task {}, not of {}", path, trained.name, asked.name));
  }
  if (trained.variables != asked.variables) return differs("\"variables\"");
  if (trained.context_variables != asked.context_variables) return differs("\"context_variables\"");
  if (!(trained.spec == asked.spec)) return differs("\"context_states\" or \"future_states\"");
  return {};
}

bool holds_any(const Weights& weights, const std::string& prefix) {
  const auto first = weights.tensors.lower_bound(prefix);
  return first != weights.tensors.end() && first->first.starts_with(prefix);
}

Status fill(ModelParts& parts, const Weights& weights, const storage::Places& places) {
  const std::vector<int64_t> target = {parts.task.spec.future_states,
                                       static_cast<int64_t>(parts.task.variables.size()),
                                       places.count()};
  for (const char* name : {"target.damping", "target.scale"}) {
    const auto found = weights.tensors.find(name);
    if (found == weights.tensors.end() || found->second.sizes() != at::IntArrayRef(target) ||
        found->second.scalar_type() != at::kFloat) {
      return data_loss(std::string(name) + " is missing or of another shape");
    }
  }
  parts.target = {weights.tensors.at("target.damping"), weights.tensors.at("target.scale")};
  if (!(parts.target.scale > 0).all().item<bool>()) {
    return data_loss("target.scale is not positive");
  }
  const NetworkShape shape = shape_of(parts.task, places, parts.normalizer, parts.target);
  parts.network = make_network(parts.task.network, shape);
  attach_stored(weights.tensors, network_prefix(0), *parts.network);
  SKIPCAST_TRY_OK(load_parameters(weights.tensors, network_prefix(0), *parts.network));
  for (size_t i = 1; holds_any(weights, network_prefix(i)); ++i) {
    parts.others.push_back(make_network(parts.task.network, shape));
    SKIPCAST_TRY_OK(load_parameters(weights.tensors, network_prefix(i), *parts.others.back()));
  }
  if (!holds_any(weights, fold_prefix(0))) return {};
  for (size_t i = 0; i < static_cast<size_t>(kFolds); ++i) {
    parts.folds.push_back(make_network(parts.task.network, shape));
    SKIPCAST_TRY_OK(load_parameters(weights.tensors, fold_prefix(i), *parts.folds.back()));
  }
  return {};
}

}  // namespace

Result<StoredModel> read_model(const storage::SeriesStore& store, const std::string& task_name) {
  SKIPCAST_TRY(const Task asked, find_task(store, task_name));
  const ModelPaths paths = model_paths(store, asked.name);
  const Result<std::string> text = storage::read_file(paths.description, kDescriptionBytesMax);
  const bool none = text.status().code() == Code::kNotFound;
  if (none || !std::filesystem::exists(paths.weights)) {
    return not_found(fmt::format("task {} is not trained yet: run  skipcast train {} --task {}",
                                 asked.name, store.path(), task_name));
  }
  if (!text.ok()) return text.status();
  SKIPCAST_TRY(Weights weights, read_weights(paths.weights));
  SKIPCAST_TRY(Description about, read_description(store, *text, paths.description));
  SKIPCAST_TRY_OK(check_task(asked, about.task, paths.description));
  if (weights.metadata[kDescriptionCrc] != crc_text(*text)) {
    return data_loss(
        fmt::format("{} and {} do not belong together or one is damaged; train the "
                    "task again",
                    paths.description, paths.weights));
  }
  std::string content = *text;
  for (const auto& [name, tensor] : weights.tensors) {
    const auto* bytes = static_cast<const char*>(tensor.const_data_ptr());
    content += name + crc_text({bytes, tensor.nbytes()});
  }
  ModelParts parts{.task = std::move(about.task),
                   .split = about.split,
                   .normalizer = std::move(about.normalizer)};
  if (const Status filled = fill(parts, weights, store.schema().places); !filled.ok()) {
    return data_loss(paths.weights + ": " + filled.message() + "; train the task again");
  }
  for (Network* network : networks_of(parts)) {
    for (auto& parameter : network->parameters()) parameter.set_requires_grad(false);
  }
  weights.metadata.erase(kDescriptionCrc);
  return StoredModel{std::move(parts), storage::fingerprint_of(content),
                     std::move(weights.metadata)};
}

}  // namespace skipcast::engine
