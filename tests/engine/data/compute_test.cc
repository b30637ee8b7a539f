// Devices and precisions: their words, what is refused, and that a precision ends with its guard.
#include "engine/data/compute.h"

// Before anything else that brings doctest or a CHECK of LibTorch.
#include <ATen/ATen.h>

#include "engine/networks/attachments.h"
#include "engine/networks/network_runner.h"
#include "tests/support/networks.h"
#include "tests/support/torch_doctest.h"

namespace {

using namespace skipcast::engine;
using skipcast::Code;
using skipcast::tests::awake;
using skipcast::tests::graph_shape;
using skipcast::tests::random_contexts;
using skipcast::tests::random_values;

NetworkOptions small_options() {
  NetworkOptions options;
  options.width = 16;
  options.heads = 2;
  return options;
}

TEST_CASE("Compute: words are read, unknown ones listed") {
  CHECK(device_from("auto").value() == DeviceChoice::kAuto);
  CHECK(device_from("cuda").value() == DeviceChoice::kCuda);
  CHECK(precision_from("bfloat16").value() == Precision::kBfloat16);
  const auto device = device_from("gpu");
  CHECK(device.status().code() == Code::kUsage);
  CHECK(device.status().message().find("auto, cpu, cuda") != std::string::npos);
  CHECK(precision_from("half").status().message().find("float32, tf32, bfloat16") !=
        std::string::npos);
}

TEST_CASE("Compute: the CPU is taken where asked for, and a GPU is not pretended") {
  const auto cpu = resolve(DeviceChoice::kCpu, Precision::kFloat32);
  REQUIRE(cpu.ok());
  CHECK(cpu->device.is_cpu());
  CHECK(describe(*cpu) == "cpu, float32");
  CHECK(free_bytes(at::kCPU) == 0);
  CHECK(resolve(DeviceChoice::kCpu, Precision::kTf32).status().code() == Code::kUsage);
  const auto automatic = resolve(DeviceChoice::kAuto, Precision::kFloat32);
  REQUIRE(automatic.ok());
  CHECK(automatic->device.is_cuda() == at::hasCUDA());
  if (at::hasCUDA()) return;
  const auto gpu = resolve(DeviceChoice::kCuda, Precision::kFloat32);
  CHECK(gpu.status().code() == Code::kUnsupported);
  CHECK(gpu.status().message().find("--device cpu") != std::string::npos);
}

TEST_CASE("Compute: bfloat16 changes products a little while its guard lives, and nothing after") {
  const at::Tensor a = random_values({40, 40}, 1), b = random_values({40, 40}, 2);
  const at::NoGradGuard no_grad;
  const at::Tensor exact = at::matmul(a, b);
  {
    const ArithmeticGuard guard({.precision = Precision::kBfloat16});
    const at::Tensor rounded = at::matmul(a, b);
    CHECK((rounded.scalar_type() == at::kBFloat16));
    const double apart = (rounded.to(at::kFloat) - exact).abs().max().item<double>();
    CHECK(apart > 0);
    CHECK(apart < 0.3);
    const ArithmeticGuard inner({.precision = Precision::kFloat32});
    CHECK((at::matmul(a, b).scalar_type() == at::kBFloat16));  // no guard of its own
  }
  CHECK(at::equal(at::matmul(a, b), exact));
}

TEST_CASE("Recorded run: repeats the work for other inputs and hands out copies") {
  int runs = 0;
  const auto twice = [&runs](const std::vector<at::Tensor>& in) {
    ++runs;
    return std::vector<at::Tensor>{in[0] * 2 + in[1], in[1].neg()};
  };
  const at::Tensor a = random_values({5, 3}, 1), b = random_values({5, 3}, 2);
  RecordedRun recorded(twice, {a, b});
  const auto first = recorded.replay({a, b});
  const at::Tensor kept = first[0].clone();
  const auto second = recorded.replay({b, a});
  CHECK(at::equal(first[0], a * 2 + b));
  CHECK(at::equal(first[0], kept));
  CHECK(at::equal(second[0], b * 2 + a));
  CHECK(at::equal(second[1], a.neg()));
  CHECK(runs == 3);
}

TEST_CASE("Recorded run: a network evaluated on fixed tensors has the bits of the network") {
  const NetworkShape shape = graph_shape(9);
  const auto network = awake(small_options(), shape);
  const at::NoGradGuard no_grad;
  const auto conditioning = network->encode(random_contexts(shape, 1, 5));
  const auto other = network->encode(random_contexts(shape, 1, 50));
  const at::Tensor x = random_values({6, 4, 2, 9}, 3), y = random_values({6, 4, 2, 9}, 4);
  const at::Tensor level = at::full({1}, 0.3f), higher = at::full({1}, 0.9f);
  RecordedRun recorded(
      [&](const std::vector<at::Tensor>& in) {
        return std::vector<at::Tensor>{network->denoise(in[0], in[1], {in[2]})};
      },
      {x, level, conditioning[0]});
  CHECK(at::equal(recorded.replay({x, level, conditioning[0]})[0],
                  network->denoise(x, level, conditioning)));
  CHECK(at::equal(recorded.replay({y, higher, other[0]})[0], network->denoise(y, higher, other)));
}

TEST_CASE("NetworkRunner: float32 is the network itself; bfloat16 is near it") {
  const NetworkShape shape = graph_shape(9);
  const auto network = awake(small_options(), shape);
  network->attach(kMomentHeads, 7);
  const at::NoGradGuard no_grad;
  const ContextBatch context = random_contexts(shape, 1, 5);
  const at::Tensor x = random_values({6, 4, 2, 9}, 3), level = at::full({1}, 0.3f);
  const NetworkRunner plain(network, {}), rounded(network, {.precision = Precision::kBfloat16});
  const auto conditioning = plain.encode(context);
  CHECK(at::equal(conditioning[0], network->encode(context)[0]));
  const at::Tensor f = plain.denoise(x, level, conditioning);
  CHECK(at::equal(f, network->denoise(x, level, conditioning)));
  CHECK(at::equal(plain.denoise_with(kMomentHeads, x, level, conditioning).f, f));
  const at::Tensor near = rounded.denoise(x, level, rounded.encode(context));
  CHECK((near.scalar_type() == at::kFloat));
  const double apart = (near - f).square().mean().sqrt().item<double>();
  CHECK(apart > 0);
  CHECK(apart < 0.05 * f.std().item<double>());
}

}  // namespace
