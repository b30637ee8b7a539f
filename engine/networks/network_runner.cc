#include "engine/networks/network_runner.h"

#include <ATen/ATen.h>

#ifdef SKIPCAST_WITH_CUDA
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#endif

namespace skipcast::engine {
namespace {

constexpr size_t kShapesMax = 16;  // recorded; others run as they are
constexpr int kWarmUps = 3;        // before a recording: libraries choose their algorithms

std::string shapes_of(const std::vector<at::Tensor>& tensors) {
  std::string text;
  for (const at::Tensor& tensor : tensors) text += c10::str(tensor.sizes(), ";");
  return text;
}

std::vector<at::Tensor> in_float32(std::vector<at::Tensor> tensors) {
  for (at::Tensor& tensor : tensors) tensor = tensor.to(at::kFloat);
  return tensors;
}

}  // namespace

#ifdef SKIPCAST_WITH_CUDA

struct RecordedRun::Graph {
  at::cuda::CUDAGraph graph;

  // Records `run` on a stream of its own, as capturing wants.
  std::vector<at::Tensor> record(const Run& run, const std::vector<at::Tensor>& inputs) {
    const auto device = inputs.front().device().index();
    c10::cuda::getCurrentCUDAStream(device).synchronize();
    const c10::cuda::CUDAStreamGuard guard(c10::cuda::getStreamFromPool(false, device));
    for (int i = 0; i < kWarmUps; ++i) run(inputs);
    c10::cuda::getCurrentCUDAStream(device).synchronize();
    graph.capture_begin();
    std::vector<at::Tensor> outputs;
    try {
      outputs = run(inputs);
    } catch (...) {
      graph.capture_end();
      throw;
    }
    graph.capture_end();
    c10::cuda::getCurrentCUDAStream(device).synchronize();
    return outputs;
  }
};

#else

struct RecordedRun::Graph {};

#endif

RecordedRun::RecordedRun(Run run, const std::vector<at::Tensor>& inputs) : run_(std::move(run)) {
  for (const at::Tensor& input : inputs) inputs_.push_back(input.clone());
#ifdef SKIPCAST_WITH_CUDA
  if (inputs_.front().is_cuda()) {
    graph_ = std::make_unique<Graph>();
    outputs_ = graph_->record(run_, inputs_);
    return;
  }
#endif
  for (const at::Tensor& output : run_(inputs_)) outputs_.push_back(output.clone());
}

RecordedRun::~RecordedRun() = default;

std::vector<at::Tensor> RecordedRun::replay(const std::vector<at::Tensor>& inputs) {
  SKIPCAST_CHECK(inputs.size() == inputs_.size());
  for (size_t i = 0; i < inputs.size(); ++i) inputs_[i].copy_(inputs[i], /*non_blocking=*/true);
#ifdef SKIPCAST_WITH_CUDA
  if (graph_ != nullptr) graph_->graph.replay();
#endif
  if (graph_ == nullptr) {
    const std::vector<at::Tensor> made = run_(inputs_);
    for (size_t i = 0; i < made.size(); ++i) outputs_[i].copy_(made[i]);
  }
  std::vector<at::Tensor> copies;
  for (const at::Tensor& output : outputs_) copies.push_back(output.clone());
  return copies;
}

NetworkRunner::NetworkRunner(std::shared_ptr<Network> network, const Compute& compute)
    : network_(std::move(network)), compute_(compute) {}

std::vector<at::Tensor> NetworkRunner::encode(const ContextBatch& contexts) const {
  const ArithmeticGuard guard(compute_);
  return in_float32(network_->encode(contexts));
}

std::vector<at::Tensor> NetworkRunner::conditioned_by(const std::string& attachment,
                                                      const std::vector<at::Tensor>& encoded,
                                                      const std::vector<at::Tensor>& inputs) const {
  const ArithmeticGuard guard(compute_);
  return in_float32(network_->conditioned_by(attachment, encoded, inputs));
}

// Inputs: x, c_noise, conditioning. Outputs: F, and what the reader reads if there is one.
std::vector<at::Tensor> NetworkRunner::run(const std::string& reader,
                                           const std::vector<at::Tensor>& inputs) const {
  const at::NoGradGuard no_grad;
  const ArithmeticGuard guard(compute_);
  const std::vector<at::Tensor> conditioning(inputs.begin() + 2, inputs.end());
  if (reader.empty()) {
    return {network_->denoise(inputs[0], inputs[1], conditioning).to(at::kFloat)};
  }
  const Network::Outputs outputs =
      network_->denoise_with(reader, inputs[0], inputs[1], conditioning);
  return {outputs.f.to(at::kFloat), outputs.read.to(at::kFloat)};
}

std::vector<at::Tensor> NetworkRunner::evaluate(const std::string& reader,
                                                const std::vector<at::Tensor>& inputs) const {
  if (!compute_.graphs || !inputs[0].is_cuda()) return run(reader, inputs);
  const std::lock_guard lock(mutex_);
  const std::string key = reader + " " + shapes_of(inputs);
  const auto found = recorded_.find(key);
  if (found != recorded_.end()) return found->second->replay(inputs);
  if (recorded_.size() >= kShapesMax) return run(reader, inputs);
  const auto recorded = [this, reader](const std::vector<at::Tensor>& fixed) {
    return run(reader, fixed);
  };
  auto& added = recorded_[key];
  added = std::make_unique<RecordedRun>(recorded, inputs);
  return added->replay(inputs);
}

at::Tensor NetworkRunner::denoise(const at::Tensor& x, const at::Tensor& c_noise,
                                  const std::vector<at::Tensor>& conditioning) const {
  std::vector<at::Tensor> inputs = {x, c_noise};
  inputs.insert(inputs.end(), conditioning.begin(), conditioning.end());
  return evaluate("", inputs)[0];
}

Network::Outputs NetworkRunner::denoise_with(const std::string& attachment, const at::Tensor& x,
                                             const at::Tensor& c_noise,
                                             const std::vector<at::Tensor>& conditioning) const {
  std::vector<at::Tensor> inputs = {x, c_noise};
  inputs.insert(inputs.end(), conditioning.begin(), conditioning.end());
  std::vector<at::Tensor> outputs = evaluate(attachment, inputs);
  return {std::move(outputs[0]), std::move(outputs[1])};
}

}  // namespace skipcast::engine
