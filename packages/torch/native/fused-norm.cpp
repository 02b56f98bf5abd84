// Ioffe and Szegedy, ICML 2015. Values are rows of channels; sums are taken of parts of the rows in float32, and of the parts in
// float64, in an order that does not depend on the number of threads.
#include "fused-norm.h"

#include <torch/csrc/autograd/custom_function.h>

#include <cmath>

#include "vectors.h"

namespace slicestack {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

template <int N>
SLICESTACK_INLINE void momentsOf(const Bf16* x, int64_t rows, int64_t channels, const float* pivot, float* sums, float* squares) {
  Floats sum[N] = {}, square[N] = {}, shift[N], value;
  for (int k = 0; k < N; ++k) load(pivot + k * kLanes, shift[k]);
  for (int64_t r = 0; r < rows; ++r, x += channels)
    for (int k = 0; k < N; ++k) {
      load(x + k * kLanes, value);
      value -= shift[k];
      sum[k] += value;
      square[k] += value * value;
    }
  for (int k = 0; k < N; ++k) store(sum[k], sums + k * kLanes), store(square[k], squares + k * kLanes);
}
/** Sums over `rows` of x - pivot and of its square. */
SLICESTACK_CLONES void moments(const Bf16* x, int64_t rows, int64_t channels, const float* pivot, float* sums, float* squares) {
  int64_t c = 0;
  for (; c + 4 * kLanes <= channels; c += 4 * kLanes) momentsOf<4>(x + c, rows, channels, pivot + c, sums + c, squares + c);
  for (; c < channels; c += kLanes) momentsOf<1>(x + c, rows, channels, pivot + c, sums + c, squares + c);
}

template <int N>
SLICESTACK_INLINE void normaliseOf(const Bf16* x, const Bf16* residual, bool relu, Bf16* y, int64_t rows, int64_t channels, const float* scale, const float* shift) {
  const Floats zero = {};
  Floats a[N], b[N], value, other;
  for (int k = 0; k < N; ++k) load(scale + k * kLanes, a[k]), load(shift + k * kLanes, b[k]);
  for (int64_t r = 0; r < rows; ++r, x += channels, y += channels) {
    for (int k = 0; k < N; ++k) {
      load(x + k * kLanes, value);
      value = a[k] * value + b[k];
      if (residual) {
        Halves bits;
        round(value, bits);
        load(reinterpret_cast<const Bf16*>(&bits), value);
        load(residual + k * kLanes, other);
        value += other;
      }
      if (relu) value = value < zero ? zero : value;
      store(value, y + k * kLanes);
    }
    if (residual) residual += channels;
  }
}
/** y = relu(round(scale * x + shift) + residual) */
SLICESTACK_CLONES void normalise(const Bf16* x, const Bf16* residual, bool relu, Bf16* y, int64_t rows, int64_t channels, const float* scale, const float* shift) {
  int64_t c = 0;
  for (; c + 4 * kLanes <= channels; c += 4 * kLanes) normaliseOf<4>(x + c, residual ? residual + c : nullptr, relu, y + c, rows, channels, scale + c, shift + c);
  for (; c < channels; c += kLanes) normaliseOf<1>(x + c, residual ? residual + c : nullptr, relu, y + c, rows, channels, scale + c, shift + c);
}

/** What comes back through the ReLU. */
SLICESTACK_INLINE void gated(const Bf16* dy, const Bf16* y, Floats& gradient) {
  const Floats zero = {};
  load(dy, gradient);
  if (!y) return;
  Floats value;
  load(y, value);
  gradient = value <= zero ? zero : gradient;
}

template <int N>
SLICESTACK_INLINE void gradientSumsOf(const Bf16* dy, const Bf16* y, const Bf16* x, int64_t rows, int64_t channels, const float* mean, float* sums, float* products) {
  Floats sum[N] = {}, product[N] = {}, center[N], gradient, value;
  for (int k = 0; k < N; ++k) load(mean + k * kLanes, center[k]);
  for (int64_t at = 0; at < rows * channels; at += channels)
    for (int k = 0; k < N; ++k) {
      gated(dy + at + k * kLanes, y ? y + at + k * kLanes : nullptr, gradient);
      load(x + at + k * kLanes, value);
      sum[k] += gradient;
      product[k] += gradient * (value - center[k]);
    }
  for (int k = 0; k < N; ++k) store(sum[k], sums + k * kLanes), store(product[k], products + k * kLanes);
}
/** Sums over `rows` of dy and of dy * (x - mean), but where y, if it is given, is zero. */
SLICESTACK_CLONES void gradientSums(const Bf16* dy, const Bf16* y, const Bf16* x, int64_t rows, int64_t channels, const float* mean, float* sums, float* products) {
  int64_t c = 0;
  for (; c + 4 * kLanes <= channels; c += 4 * kLanes) gradientSumsOf<4>(dy + c, y ? y + c : nullptr, x + c, rows, channels, mean + c, sums + c, products + c);
  for (; c < channels; c += kLanes) gradientSumsOf<1>(dy + c, y ? y + c : nullptr, x + c, rows, channels, mean + c, sums + c, products + c);
}

template <int N>
SLICESTACK_INLINE void gradientRowsOf(const Bf16* dy, const Bf16* y, const Bf16* x, Bf16* dx, Bf16* dresidual, int64_t rows, int64_t channels, const float* mean,
                                      const float* factors, int64_t pitch) {
  Floats center[N], a[N], b[N], d[N], gradient, value;
  for (int k = 0; k < N; ++k) {
    load(mean + k * kLanes, center[k]);
    load(factors + k * kLanes, a[k]);
    load(factors + pitch + k * kLanes, b[k]);
    load(factors + 2 * pitch + k * kLanes, d[k]);
  }
  for (int64_t at = 0; at < rows * channels; at += channels)
    for (int k = 0; k < N; ++k) {
      gated(dy + at + k * kLanes, y ? y + at + k * kLanes : nullptr, gradient);
      if (dresidual) store(gradient, dresidual + at + k * kLanes);
      load(x + at + k * kLanes, value);
      store(a[k] * gradient + b[k] * (value - center[k]) + d[k], dx + at + k * kLanes);
    }
}
/** dx = a * dz + b * (x - mean) + d, with dz = dy but where y is zero; dz goes to dresidual if that is given. factors: a, b and d. */
SLICESTACK_CLONES void gradientRows(const Bf16* dy, const Bf16* y, const Bf16* x, Bf16* dx, Bf16* dresidual, int64_t rows, int64_t channels, const float* mean,
                                    const float* factors) {
  const auto from = [](auto* start, int64_t c) { return start ? start + c : nullptr; };
  int64_t c = 0;
  for (; c + 4 * kLanes <= channels; c += 4 * kLanes) gradientRowsOf<4>(dy + c, from(y, c), x + c, dx + c, from(dresidual, c), rows, channels, mean + c, factors + c, channels);
  for (; c < channels; c += kLanes) gradientRowsOf<1>(dy + c, from(y, c), x + c, dx + c, from(dresidual, c), rows, channels, mean + c, factors + c, channels);
}

/** The rows of a tensor, in parts that fit into a core's first cache beside what is read with them. */
struct Rows {
  explicit Rows(const at::Tensor& x) : channels(x.size(1)), count(x.numel() / channels), most(std::max<int64_t>(1, (1 << 12) / channels)), parts((count + most - 1) / most) {}
  int64_t channels, count, most, parts;

  template <class Body>
  void forEach(const Body& body) const {  // part, first value, rows
    at::parallel_for(0, parts, 4, [&](int64_t begin, int64_t end) {
      for (int64_t part = begin; part < end; ++part) body(part, part * most * channels, std::min(most, count - part * most));
    });
  }
};

Bf16* bits(const at::Tensor& t) { return t.defined() ? static_cast<Bf16*>(t.data_ptr()) : nullptr; }
float* floats(const at::Tensor& t) { return t.data_ptr<float>(); }
at::MemoryFormat layoutOf(const at::Tensor& x) { return x.dim() == 5 ? at::MemoryFormat::ChannelsLast3d : at::MemoryFormat::ChannelsLast; }

/** Adds up [parts][2][channels] over the parts. */
std::vector<double> total(const at::Tensor& sums, const Rows& rows) {
  std::vector<double> all(static_cast<size_t>(2 * rows.channels));
  const float* part = floats(sums);
  for (int64_t k = 0; k < rows.parts; ++k)
    for (size_t c = 0; c < all.size(); ++c) all[c] += *part++;
  return all;
}

/** The mean of a few rows: near enough to the true one that squares about it lose nothing. */
std::vector<float> pivotOf(const Bf16* x, const Rows& rows) {
  constexpr int64_t kFew = 32;
  const int64_t few = std::min(kFew, rows.count);
  std::vector<float> pivot(static_cast<size_t>(rows.channels));
  for (int64_t k = 0; k < few; ++k)
    for (int64_t c = 0; c < rows.channels; ++c) {
      const uint32_t word = uint32_t(x[rows.count * k / few * rows.channels + c]) << 16;
      float value;
      std::memcpy(&value, &word, sizeof value);
      pivot[size_t(c)] += value / float(few);
    }
  return pivot;
}

struct Normalise : torch::autograd::Function<Normalise> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& given, const Optional<at::Tensor>& weight, const Optional<at::Tensor>& bias,
                            const Optional<at::Tensor>& residual, const NormArguments& a) {
    const auto layout = layoutOf(given);
    const auto x = given.contiguous(layout), other = residual ? residual->contiguous(layout) : at::Tensor();
    const Rows rows(x);
    const auto pivot = pivotOf(bits(x), rows);
    const auto options = x.options().dtype(at::kFloat).memory_format(at::MemoryFormat::Contiguous);
    const auto sums = at::empty({rows.parts, 2, rows.channels}, options);
    rows.forEach([&](int64_t part, int64_t first, int64_t count) {
      float* to = floats(sums) + part * 2 * rows.channels;
      moments(bits(x) + first, count, rows.channels, pivot.data(), to, to + rows.channels);
    });
    const auto all = total(sums, rows);
    const auto n = static_cast<double>(rows.count);
    const auto statistics = at::empty({4, rows.channels}, options);  // mean, 1 / deviation, scale, shift
    float *mean = floats(statistics), *invstd = mean + rows.channels, *scale = invstd + rows.channels, *shift = scale + rows.channels;
    for (int64_t c = 0; c < rows.channels; ++c) {
      const double offset = all[size_t(c)] / n, variance = std::max(0.0, all[size_t(rows.channels + c)] / n - offset * offset), center = pivot[size_t(c)] + offset;
      mean[c] = static_cast<float>(center);
      invstd[c] = static_cast<float>(1 / std::sqrt(variance + a.eps));
      scale[c] = invstd[c] * (weight ? floats(*weight)[c] : 1);
      shift[c] = (bias ? floats(*bias)[c] : 0) - mean[c] * scale[c];
      const auto follow = [&](const Optional<at::Tensor>& running, double value) {
        if (running) floats(*running)[c] = static_cast<float>((1 - a.momentum) * floats(*running)[c] + a.momentum * value);
      };
      follow(a.runningMean, center);
      follow(a.runningVar, variance * n / (n - 1));
    }
    auto y = at::empty_like(x);
    rows.forEach([&](int64_t, int64_t first, int64_t count) {
      normalise(bits(x) + first, other.defined() ? bits(other) + first : nullptr, a.relu, bits(y) + first, count, rows.channels, scale, shift);
    });
    context->save_for_backward({x, a.relu ? y : at::Tensor(), statistics, weight ? *weight : at::Tensor()});
    context->saved_data["residual"] = residual && residual->requires_grad();
    context->saved_data["bias"] = bias.has_value();
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    if (at::GradMode::is_enabled()) throw std::runtime_error("batch norm in bfloat16 has no gradient of its gradient: use createGraph: false, or float32");
    const auto saved = context->get_saved_variables();
    const auto &x = saved[0], &y = saved[1], &statistics = saved[2], &weight = saved[3];
    const auto dy = gradients[0].to(at::kBFloat16).contiguous(layoutOf(x));
    const Rows rows(x);
    const auto from = [&](const at::Tensor& t, int64_t first) { return t.defined() ? bits(t) + first : nullptr; };
    const float *mean = floats(statistics), *invstd = mean + rows.channels, *scale = invstd + rows.channels;
    const auto sums = at::empty({rows.parts, 2, rows.channels}, statistics.options());
    rows.forEach([&](int64_t part, int64_t first, int64_t count) {
      float* to = floats(sums) + part * 2 * rows.channels;
      gradientSums(bits(dy) + first, from(y, first), bits(x) + first, count, rows.channels, mean, to, to + rows.channels);
    });
    const auto all = total(sums, rows);
    const auto n = static_cast<double>(rows.count);
    const auto factors = at::empty({3, rows.channels}, statistics.options());
    const auto own = at::empty({2, rows.channels}, statistics.options());  // of weight and bias
    float* factor = floats(factors);
    for (int64_t c = 0; c < rows.channels; ++c) {
      const double sum = all[size_t(c)], product = all[size_t(rows.channels + c)], inverse = invstd[c];
      factor[c] = scale[c];
      factor[rows.channels + c] = static_cast<float>(-scale[c] * inverse * inverse * product / n);
      factor[2 * rows.channels + c] = static_cast<float>(-scale[c] * sum / n);
      floats(own)[c] = static_cast<float>(product * inverse);
      floats(own)[rows.channels + c] = static_cast<float>(sum);
    }
    const bool wantsResidual = context->saved_data["residual"].toBool();
    auto dx = at::empty_like(x), dresidual = wantsResidual ? y.defined() ? at::empty_like(x) : dy : at::Tensor();
    rows.forEach([&](int64_t, int64_t first, int64_t count) {
      gradientRows(bits(dy) + first, from(y, first), bits(x) + first, bits(dx) + first, y.defined() ? from(dresidual, first) : nullptr, count, rows.channels, mean, factor);
    });
    return {dx, weight.defined() ? own[0].clone() : at::Tensor(), context->saved_data["bias"].toBool() ? own[1].clone() : at::Tensor(), dresidual, {}};
  }
};

bool isFloatVector(const Optional<at::Tensor>& t) { return !t || (t->device().is_cpu() && t->scalar_type() == at::kFloat && t->is_contiguous()); }

}  // namespace

bool canFuse(const NormArguments& a) {
  const auto& x = a.x;
  if (!x.device().is_cpu() || x.scalar_type() != at::kBFloat16 || (x.dim() != 4 && x.dim() != 5) || x.size(1) % kLanes != 0 || x.numel() == 0) return false;
  if (!x.is_contiguous(layoutOf(x)) || !isFloatVector(a.weight) || !isFloatVector(a.bias) || !isFloatVector(a.runningMean) || !isFloatVector(a.runningVar)) return false;
  return !a.residual || (a.residual->device().is_cpu() && a.residual->scalar_type() == at::kBFloat16 && a.residual->sizes() == x.sizes());
}

at::Tensor fusedNorm(const NormArguments& a) { return Normalise::apply(a.x, a.weight, a.bias, a.residual, a); }

}  // namespace slicestack
