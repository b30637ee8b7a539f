#include "engine/model_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/fine_tuned.h"
#include "engine/moment_heads.h"
#include "engine/retrieved.h"
#include "engine/weights.h"
#include "retrieval/fingerprint.h"
#include "samplers/precondition.h"
#include "storage/checksum.h"
#include "storage/file_io.h"
#include "storage/json_document.h"

namespace skipcast::engine {
namespace {

using Json = nlohmann::json;

constexpr int kNestingMax = 64;  // printing recurses that deep
constexpr int64_t kDescriptionBytesMax = int64_t{1} << 30;
constexpr const char* kDescriptionCrc = "description_crc32c";
const std::string kNetworkPrefix = "network.", kHeadsPrefix = kNetworkPrefix + "moments.";

std::string crc_text(std::string_view bytes) {
  return fmt::format("{:08x}", storage::crc32c(bytes));
}

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
                     {"split", {{"states", split.states},
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
  for (const auto& item : parts.network->named_parameters()) {
    weights.tensors[kNetworkPrefix + item.key()] = item.value().detach();
  }
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

samplers::Denoiser make_denoiser(std::shared_ptr<const Evaluator> evaluator,
                                 std::vector<at::Tensor> conditioning, double sigma_data) {
  return [evaluator = std::move(evaluator), conditioning = std::move(conditioning), sigma_data](
             const at::Tensor& x, double sigma) {
    const at::NoGradGuard no_grad;
    const samplers::Scalings s = samplers::edm_scalings(sigma, sigma_data);
    const at::Tensor in = (x * s.c_in).to(at::kFloat);
    const at::Tensor c_noise = at::full({1}, s.c_noise, in.options());
    const at::Tensor raw = evaluator->denoise(in, c_noise, conditioning);
    return x * s.c_skip + raw.to(x.scalar_type()) * s.c_out;
  };
}

void move_to(const Compute& compute, ModelParts& parts) {
  parts.target.damping = parts.target.damping.to(compute.device);
  parts.target.scale = parts.target.scale.to(compute.device);
  parts.network->to(compute.device);
}

const Compute& Model::compute() const {
  static const Compute on_cpu;
  return on_cpu;
}

Status Model::has_role(Role role) const {
  return Status(Code::kUnsupported, std::string("this model has no copy for: ") + word(role));
}

const RoleInfo& Model::role_info(Role) const {
  static const RoleInfo none;
  SKIPCAST_CHECK(false);
  return none;
}

samplers::Denoiser Model::condition_as(Role, const ContextBatch&, const RetrievedBatch*) const {
  SKIPCAST_CHECK(false);
  return {};
}

namespace {

// Channels side by side, as GridNet runs on a GPU.
void lay_out_for_gpu(Network& network) {
  const at::NoGradGuard no_grad;
  for (auto& parameter : network.parameters()) {
    if (parameter.dim() != 4) continue;
    parameter.set_data(parameter.contiguous(at::MemoryFormat::ChannelsLast));
  }
}

class TrainedModel : public Model {
 public:
  TrainedModel(const storage::SeriesStore& store, ModelParts parts, std::string fingerprint,
               const Compute& compute)
      : parts_(std::move(parts)),
        fingerprint_(std::move(fingerprint)),
        evaluator_(std::make_shared<Evaluator>(parts_.network, compute)) {
    parts_.network->eval();
    move_to(compute, parts_);
    if (compute.device.is_cuda()) lay_out_for_gpu(*parts_.network);
    for (const Role role : {Role::kInformed, Role::kFinisher}) add_copy(store, role);
  }

  const Compute& compute() const override { return evaluator_->compute(); }

  samplers::Denoiser condition(const ContextBatch& context) const override {
    const at::NoGradGuard no_grad;
    SKIPCAST_CHECK(context.values.size(0) == 1);
    return make_denoiser(evaluator_, evaluator_->encode(context), parts_.task.sigma_data);
  }

  bool has_gradients() const override { return true; }
  samplers::TensorDenoiser differentiable(const ContextBatch& context) const override {
    const at::NoGradGuard no_grad;
    return [network = parts_.network, conditioning = parts_.network->encode(context),
            data = parts_.task.sigma_data](const at::Tensor& x, const at::Tensor& sigma) {
      const at::Tensor total = (sigma.square() + data * data).sqrt();
      const at::Tensor c_noise = (sigma.log() / 4).to(at::kFloat).view({1});
      const at::Tensor raw = network->denoise((x / total).to(at::kFloat), c_noise, conditioning);
      return x * (data * data / total.square()) + raw * (sigma * data / total);
    };
  }
  samplers::MomentDenoiser condition_moments(const ContextBatch& context) const override {
    const at::NoGradGuard no_grad;
    if (!has_moments()) return {};
    SKIPCAST_CHECK(context.values.size(0) == 1);
    return make_moment_denoiser(evaluator_, evaluator_->encode(context), parts_.task.sigma_data);
  }
  bool has_moments() const override { return parts_.network->moment_heads() != nullptr; }

  Status has_role(Role role) const override { return copies_.at(role).status; }
  const RoleInfo& role_info(Role role) const override { return copies_.at(role).info; }
  samplers::Denoiser condition_as(Role role, const ContextBatch& context,
                                  const RetrievedBatch* retrieved) const override {
    const at::NoGradGuard no_grad;
    const Copy& copy = copies_.at(role);
    SKIPCAST_CHECK(copy.status.ok() && context.values.size(0) == 1);
    std::vector<at::Tensor> encoded = copy.evaluator->encode(context);
    if (retrieved != nullptr) encoded = copy.evaluator->inform(encoded, *retrieved);
    return make_denoiser(copy.evaluator, std::move(encoded), parts_.task.sigma_data);
  }

  at::Tensor mean_forecast(const ContextBatch& contexts) const override {
    const at::NoGradGuard no_grad;
    const Task& task = parts_.task;
    const samplers::Denoiser denoise =
        make_denoiser(evaluator_, evaluator_->encode(contexts), task.sigma_data);
    const at::Tensor zero =
        at::zeros({contexts.values.size(0), task.spec.future_states, contexts.last.size(1),
                   contexts.last.size(2)}, contexts.last.options());
    return from_target(denoise(zero, task.schedule.sigma_max), contexts.last);
  }

  at::Tensor to_target(const at::Tensor& normalised, const at::Tensor& last) const override {
    return parts_.target.to_target(normalised, last);
  }
  at::Tensor from_target(const at::Tensor& target, const at::Tensor& last) const override {
    return parts_.target.from_target(target, last);
  }

  const TargetSpace* target_space() const override { return &parts_.target; }

  const Task& task() const override { return parts_.task; }
  const Split& split() const override { return parts_.split; }
  const retrieval::Normalizer& normalizer() const override { return parts_.normalizer; }
  std::string fingerprint() const override { return fingerprint_; }
  int64_t parameters() const override { return parts_.network->parameter_count(); }

 private:
  struct Copy {
    Status status;
    RoleInfo info;
    std::shared_ptr<const Evaluator> evaluator;
  };

  void add_copy(const storage::SeriesStore& store, Role role) {
    const NetworkShape shape =
        shape_of(parts_.task, store.schema().places, parts_.normalizer.slots());
    Result<FineTuned> tuned = read_fine_tuned(store, parts_.task, shape, fingerprint_, role);
    Copy& copy = copies_[role];
    copy.status = tuned.status();
    if (!tuned.ok()) return;
    copy.info = tuned->info;
    tuned->network->to(compute().device);
    if (compute().device.is_cuda()) lay_out_for_gpu(*tuned->network);
    copy.evaluator = std::make_shared<Evaluator>(std::move(tuned->network), compute());
  }

  ModelParts parts_;
  std::string fingerprint_;
  std::shared_ptr<const Evaluator> evaluator_;
  std::map<Role, Copy> copies_;
};

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
                                                  "skipcast", path, version, kModelVersion));
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
    return refused(fmt::format("{} is a model of task {}, not of {}", path, trained.name,
                               asked.name));
  }
  if (trained.variables != asked.variables) return differs("\"variables\"");
  if (trained.context_variables != asked.context_variables) return differs("\"context_variables\"");
  if (!(trained.spec == asked.spec)) return differs("\"context_states\" or \"future_states\"");
  return {};
}

Status fill(ModelParts& parts, const Weights& weights, const NetworkShape& shape) {
  const std::vector<int64_t> target = {shape.future_states, shape.variables, shape.places};
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
  parts.network = make_network(parts.task.network, shape);
  const auto is_of_heads = [](const auto& item) { return item.first.starts_with(kHeadsPrefix); };
  if (std::any_of(weights.tensors.begin(), weights.tensors.end(), is_of_heads)) {
    parts.network->add_moment_heads(0);
  }
  return load_parameters(weights.tensors, kNetworkPrefix, *parts.network);
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
    return data_loss(fmt::format("{} and {} do not belong together or one is damaged; train the "
                                 "task again", paths.description, paths.weights));
  }
  const NetworkShape shape =
      shape_of(about.task, store.schema().places, about.normalizer.slots());
  std::string content = *text;
  for (const auto& [name, tensor] : weights.tensors) {
    const auto* bytes = static_cast<const char*>(tensor.const_data_ptr());
    content += name + crc_text({bytes, tensor.nbytes()});
  }
  ModelParts parts{std::move(about.task), about.split, std::move(about.normalizer), {}, nullptr};
  if (const Status filled = fill(parts, weights, shape); !filled.ok()) {
    return data_loss(paths.weights + ": " + filled.message() + "; train the task again");
  }
  for (auto& parameter : parts.network->parameters()) parameter.set_requires_grad(false);
  weights.metadata.erase(kDescriptionCrc);
  return StoredModel{std::move(parts), retrieval::fingerprint_of(content),
                     std::move(weights.metadata)};
}

Result<std::shared_ptr<const Model>> Model::load(const storage::SeriesStore& store,
                                                 const std::string& task_name,
                                                 const Compute& compute) {
  SKIPCAST_TRY(StoredModel stored, read_model(store, task_name));
  return std::shared_ptr<const Model>(std::make_shared<TrainedModel>(
      store, std::move(stored.parts), std::move(stored.fingerprint), compute));
}

}  // namespace skipcast::engine
