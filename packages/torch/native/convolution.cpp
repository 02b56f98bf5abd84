// Everything else is as in libtorch: the copies of autocast and their cache, the tensors saved for gradients, dtypes, layout.
#include "convolution.h"

#include <torch/csrc/autograd/custom_function.h>

#include <array>
#include <tuple>

#include "tile-convolution.h"

// GCC 14 reports an overflow in the lists of libtorch that does not exist.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wstringop-overflow"
#endif

namespace slicestack {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Ints = std::vector<int64_t>;

/** Whether each part is computed by tiles. */
struct Ways {
  bool forward, input, weight;
};

/** Decided by sizes alone, so that a repeated run computes the same. The thresholds were measured: docs/explanation/engine.md. */
Ways waysFor(ConvolutionKernels kernels, const ConvolutionSizes& s, bool lastChannels) {
  const bool whole = lastChannels && wholeTiles(s), input = whole && hasTileInputGradient(s);
  if (kernels == ConvolutionKernels::tiles) return {whole, input, true};
  if (kernels == ConvolutionKernels::libtorch || amxKernels() == nullptr) return {false, false, false};
  const int64_t weights = s.outputs * s.inputs * s.taps();
  const bool heavy = weights >= 1 << 20;  // many weights for few positions
  const bool strided = s.stride[0] * s.stride[1] * s.stride[2] > 1;
  return {whole && heavy, input && (heavy || strided), s.inputs >= 16 && weights >= 1 << 15};
}

/** In bfloat16, channels last. The parts that libtorch computes are ordinary calls with the original arguments. */
struct Convolve : torch::autograd::Function<Convolve> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight, const Optional<at::Tensor>& bias, const Ints& stride, const Ints& padding,
                            const Ints& dilation, const Ways& ways) {
    context->save_for_backward({x, weight});
    context->saved_data["stride"] = stride;
    context->saved_data["padding"] = padding;
    context->saved_data["dilation"] = dilation;
    context->saved_data["input by tiles"] = ways.input;
    context->saved_data["weight by tiles"] = ways.weight;
    context->saved_data["bias"] = bias.has_value();
    if (!ways.forward) return at::convolution(x, weight, bias, stride, padding, dilation, /*transposed=*/false, Ints(stride.size(), 0), /*groups=*/1);
    const auto sizes = ConvolutionSizes::of(x.sizes(), weight.sizes(), stride, padding, dilation);
    return tileForward(x, weight.contiguous(channelsLast(x)), bias ? *bias : at::Tensor(), sizes);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    auto& data = context->saved_data;
    const auto &x = saved[0], &weight = saved[1], &dy = gradients[0];
    const Ints stride = data["stride"].toIntVector(), padding = data["padding"].toIntVector(), dilation = data["dilation"].toIntVector();
    const bool needsInput = context->needs_input_grad(0), needsWeight = context->needs_input_grad(1), needsBias = data["bias"].toBool() && context->needs_input_grad(2);
    // A gradient of the gradient is computed by libtorch, whose function supports it.
    const bool again = at::GradMode::is_enabled();
    const bool inputByTiles = needsInput && data["input by tiles"].toBool() && !again, weightByTiles = needsWeight && data["weight by tiles"].toBool() && !again;
    at::Tensor dx, dweight, dbias;
    // libtorch's gradient of the bias alone would also compute that of the weight.
    const std::array<bool, 3> byLibrary{needsInput && !inputByTiles, needsWeight && !weightByTiles, needsBias && !weightByTiles};
    if (byLibrary[0] || byLibrary[1] || byLibrary[2])
      std::tie(dx, dweight, dbias) = at::convolution_backward(dy, x, weight, at::IntArrayRef({weight.size(0)}), stride, padding, dilation, /*transposed=*/false,
                                                              Ints(stride.size(), 0), /*groups=*/1, byLibrary);
    if (needsBias && weightByTiles) {
      Ints dims{0};
      for (int64_t k = 2; k < dy.dim(); ++k) dims.push_back(k);
      dbias = dy.sum(dims, /*keepdim=*/false, at::kFloat).to(at::kBFloat16);
    }
    if (inputByTiles || weightByTiles) {
      const auto layout = channelsLast(x);
      const auto from = dy.contiguous(layout);
      const auto sizes = ConvolutionSizes::of(x.sizes(), weight.sizes(), stride, padding, dilation);
      if (inputByTiles) dx = tileInputGradient(from, weight.contiguous(layout), sizes);
      if (weightByTiles) dweight = tileWeightGradient(from, x.contiguous(layout), sizes);
    }
    return {dx, dweight, dbias, {}, {}, {}, {}};
  }
};

bool isNarrow(const at::Tensor& t) { return t.device().is_cpu() && (t.scalar_type() == at::kFloat || t.scalar_type() == at::kBFloat16); }
bool isBfloat16(const at::Tensor& t) { return t.scalar_type() == at::kBFloat16; }

}  // namespace

Optional<at::Tensor> convolutionByTiles(ConvolutionKernels kernels, const at::Tensor& x, const at::Tensor& weight, const Optional<at::Tensor>& bias, const Ints& stride,
                                        const Ints& padding, const Ints& dilation, int64_t groups) {
  if (kernels == ConvolutionKernels::libtorch || groups != 1 || x.numel() == 0 || weight.numel() == 0) return {};
  if (!isNarrow(x) || !isNarrow(weight) || (bias && !isNarrow(*bias))) return {};
  const auto autocast = autocastState(at::kCPU);
  const bool cast = autocast.enabled && autocast.dtype == at::kBFloat16;
  if (!cast && (autocast.enabled || !isBfloat16(x) || !isBfloat16(weight) || (bias && !isBfloat16(*bias)))) return {};
  // In two dimensions libtorch's results are channels last where x is, as ours always are; in three that depends on its version.
  const auto layout = channelsLast(x);
  const bool lastChannels = x.dim() == 4 && x.suggest_memory_format() == layout && x.is_contiguous(layout);
  if (x.dim() == 4 && !lastChannels) return {};
  Ways ways = waysFor(kernels, ConvolutionSizes::of(x.sizes(), weight.sizes(), stride, padding, dilation), lastChannels);
  const bool recorded = at::GradMode::is_enabled();
  ways.input = ways.input && recorded && x.requires_grad();
  ways.weight = ways.weight && recorded && weight.requires_grad();
  if (!ways.forward && !ways.input && !ways.weight) return {};

  const auto narrow = [&](const at::Tensor& t) { return cast ? at::autocast::cached_cast(at::kBFloat16, t, at::kCPU) : t; };
  const auto narrowBias = bias ? Optional<at::Tensor>(narrow(*bias)) : Optional<at::Tensor>();
  // The tensors are already cast: the calls below must not cast them again.
  c10::impl::ExcludeDispatchKeyGuard plain(c10::DispatchKey::AutocastCPU);
  return Convolve::apply(narrow(x), narrow(weight), narrowBias, stride, padding, dilation, ways);
}

}  // namespace slicestack
