// Everything that differs between the libtorch versions we build against: 1.13 (Debian 12), 2.6 (Debian 13), pip up to 2.11.
#pragma once
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/autocast_mode.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/variable.h>
#include <torch/version.h>

#include <cmath>
#include <limits>

#define SLICESTACK_TORCH_AT_LEAST(major, minor) \
  (TORCH_VERSION_MAJOR > (major) || (TORCH_VERSION_MAJOR == (major) && TORCH_VERSION_MINOR >= (minor)))

static_assert(SLICESTACK_TORCH_AT_LEAST(1, 13), "Slicestack needs libtorch 1.13 or newer");
static_assert(TORCH_VERSION_MAJOR < 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR <= 11),
              "Slicestack is tested up to libtorch 2.11; a newer version needs a review of this header first");

// Declared only: distributed.cpp alone includes c10d.
namespace c10d {
class Backend;
class ProcessGroup;
}  // namespace c10d

namespace slicestack {

#if SLICESTACK_TORCH_AT_LEAST(2, 5)
template <class T>
using Optional = std::optional<T>;
#else
template <class T>
using Optional = c10::optional<T>;
#endif

struct AutocastState {
  bool enabled;
  at::ScalarType dtype;
};

#if SLICESTACK_TORCH_AT_LEAST(2, 4)
inline AutocastState autocastState(at::DeviceType device) {
  return {at::autocast::is_autocast_enabled(device), at::autocast::get_autocast_dtype(device)};
}
inline void setAutocastState(at::DeviceType device, AutocastState state) {
  at::autocast::set_autocast_enabled(device, state.enabled);
  at::autocast::set_autocast_dtype(device, state.dtype);
}
#else
inline AutocastState autocastState(at::DeviceType device) {
  if (device == at::kCUDA) return {at::autocast::is_enabled(), at::autocast::get_autocast_gpu_dtype()};
  return {at::autocast::is_cpu_enabled(), at::autocast::get_autocast_cpu_dtype()};
}
inline void setAutocastState(at::DeviceType device, AutocastState state) {
  if (device == at::kCUDA) {
    at::autocast::set_enabled(state.enabled);
    at::autocast::set_autocast_gpu_dtype(state.dtype);
  } else {
    at::autocast::set_cpu_enabled(state.enabled);
    at::autocast::set_autocast_cpu_dtype(state.dtype);
  }
}
#endif

#if SLICESTACK_TORCH_AT_LEAST(2, 0)
using CollectiveBackend = c10d::Backend;
#else
using CollectiveBackend = c10d::ProcessGroup;
#endif

#if SLICESTACK_TORCH_AT_LEAST(2, 0)
inline at::Tensor attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value, const Optional<at::Tensor>& mask, double dropout, bool causal) {
  return at::scaled_dot_product_attention(query, key, value, mask, dropout, causal);
}
#else
/** By its formula: 1.13 has a private function that differs between its patch releases. */
inline at::Tensor attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value, const Optional<at::Tensor>& mask, double dropout, bool causal) {
  at::Tensor score = at::matmul(query * (1 / std::sqrt(static_cast<double>(query.size(3)))), key.transpose(-2, -1));
  if (causal) {
    const auto later = at::ones({query.size(2), key.size(2)}, query.options().dtype(at::kBool)).triu(1);
    score = score.masked_fill(later, -std::numeric_limits<double>::infinity());
  }
  if (mask) score = mask->scalar_type() == at::kBool ? score.masked_fill(mask->logical_not(), -std::numeric_limits<double>::infinity()) : score + *mask;
  at::Tensor weight = at::softmax(score, -1);
  if (dropout > 0) weight = at::dropout(weight, dropout, /*train=*/true);
  return at::matmul(weight, value);
}
#endif

inline at::Generator newCpuGenerator(uint64_t seed) { return at::make_generator<at::CPUGeneratorImpl>(seed); }

}  // namespace slicestack
