// Evaluations of a network in a model's arithmetic; on a GPU replayed from CUDA graphs, one for
// each shape of batch, so that a small network does not wait for the launches of its kernels.
// Internal to engine.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/data/compute.h"
#include "engine/networks/network.h"

namespace skipcast::engine {

// A computation recorded once on tensors of fixed shapes and addresses: replay() copies its inputs
// there, repeats the work and returns copies of what it wrote. A CUDA graph for tensors on a GPU;
// elsewhere the computation itself on the same fixed tensors, so that what depends on them can be
// tried without one. Not thread-safe.
class RecordedRun {
 public:
  using Run = std::function<std::vector<at::Tensor>(const std::vector<at::Tensor>&)>;
  // `run` may not read anything back from the device. Errors of LibTorch are thrown.
  RecordedRun(Run run, const std::vector<at::Tensor>& inputs);
  ~RecordedRun();
  // REQUIRES the shapes and devices of the constructor's inputs.
  std::vector<at::Tensor> replay(const std::vector<at::Tensor>& inputs);

 private:
  struct Graph;
  Run run_;
  std::vector<at::Tensor> inputs_, outputs_;
  std::unique_ptr<Graph> graph_;  // null without a GPU
};

// Thread-safe where the network is not changed meanwhile.
class NetworkRunner {
 public:
  NetworkRunner(std::shared_ptr<Network> network, const Compute& compute);

  // As Network's.
  std::vector<at::Tensor> encode(const ContextBatch& contexts) const;
  std::vector<at::Tensor> conditioned_by(const std::string& attachment,
                                         const std::vector<at::Tensor>& encoded,
                                         const std::vector<at::Tensor>& inputs) const;
  at::Tensor denoise(const at::Tensor& x, const at::Tensor& c_noise,
                     const std::vector<at::Tensor>& conditioning) const;
  Network::Outputs denoise_with(const std::string& attachment, const at::Tensor& x,
                                const at::Tensor& c_noise,
                                const std::vector<at::Tensor>& conditioning) const;
  Network& network() const { return *network_; }
  const Compute& compute() const { return compute_; }

 private:
  // `reader` names an attachment, or is empty.
  std::vector<at::Tensor> evaluate(const std::string& reader,
                                   const std::vector<at::Tensor>& inputs) const;
  std::vector<at::Tensor> run(const std::string& reader,
                              const std::vector<at::Tensor>& inputs) const;

  std::shared_ptr<Network> network_;
  const Compute compute_;
  mutable std::mutex mutex_;                                              // guards recorded_
  mutable std::map<std::string, std::unique_ptr<RecordedRun>> recorded_;  // by reader and shapes
};

}  // namespace skipcast::engine
