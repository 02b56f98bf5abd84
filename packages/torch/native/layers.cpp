// The operations of layers and losses: linear, convolution, normalisation, pooling, resampling, recurrent cells.
#include <algorithm>
#include <array>
#include <cmath>

#include "arguments.h"
#include "convolution.h"

namespace slicestack {

namespace {

napi_value linear(Arguments& a) { return a.wrap(at::linear(a.tensor(0, "x"), a.tensor(1, "weight"), a.optionalTensor(2, "bias"))); }

/** Refuses arguments for which libtorch would divide by zero or allocate without limit. */
struct Window {
  Ints kernel, stride, padding, dilation;
};
void checkOutput(Arguments& a, const at::Tensor& x, int64_t channels, const Window& w) {
  const size_t n = w.kernel.size();
  Ints sizes = {x.dim() > 1 ? x.size(0) : 1, channels};
  for (size_t k = 0; k < n; ++k) {
    const int64_t size = x.size(x.dim() - static_cast<int64_t>(n - k));
    const double out = (double(size) + 2.0 * double(w.padding[k]) - double(w.dilation[k]) * double(w.kernel[k] - 1) - 1) / double(w.stride[k]) + 1;
    if (out < 1) throw ArgumentFault("kernel: expected a window that fits into the padded input, size " + std::to_string(size) + " with padding " +
                                     std::to_string(w.padding[k]) + ", received kernel " + std::to_string(w.kernel[k]) + " with dilation " + std::to_string(w.dilation[k]));
    sizes.push_back(static_cast<int64_t>(std::min(out, 9e15)));
  }
  checkFits(a.state, sizes, x.scalar_type());
}

// convN(x_NC..., weight_OI..., bias_O | null, stride, padding, dilation, groups)
template <int N>
napi_value conv(Arguments& a) {
  const auto& x = a.tensor(0, "x", N + 2);
  const auto& weight = a.tensor(1, "weight", N + 2);
  const auto bias = a.optionalTensor(2, "bias");
  Window w{weight.sizes().slice(2).vec(), a.ints(3, "stride", N, 1), a.ints(4, "padding", N, 0), a.ints(5, "dilation", N, 1)};
  const int64_t groups = a.integer(6, "groups", 1);
  if (x.size(1) != weight.size(1) * groups)
    throw ArgumentFault("x: expected " + std::to_string(weight.size(1) * groups) + " channels, received " + std::to_string(x.size(1)));
  checkOutput(a, x, weight.size(0), w);
  if constexpr (N > 1)
    if (const auto y = convolutionByTiles(a.state.convolutionKernels, x, weight, bias, w.stride, w.padding, w.dilation, groups)) return a.wrap(*y);
  if constexpr (N == 1) return a.wrap(at::conv1d(x, weight, bias, w.stride, w.padding, w.dilation, groups));
  if constexpr (N == 2) return a.wrap(at::conv2d(x, weight, bias, w.stride, w.padding, w.dilation, groups));
  if constexpr (N == 3) return a.wrap(at::conv3d(x, weight, bias, w.stride, w.padding, w.dilation, groups));
}

// setConvolutionKernels("auto" | "libtorch" | "tiles") -> the previous name
napi_value setConvolutionKernels(Arguments& a) {
  constexpr std::array<const char*, 3> kNames{"auto", "libtorch", "tiles"};
  const auto wanted = std::find(kNames.begin(), kNames.end(), a.string(0, "kernels"));
  if (wanted == kNames.end()) a.fail(0, "kernels", "'auto', 'libtorch' or 'tiles'");
  const auto before = kNames.at(static_cast<size_t>(a.state.convolutionKernels));
  a.state.convolutionKernels = static_cast<ConvolutionKernels>(wanted - kNames.begin());
  return a.fromString(before);
}

void checkVector(const Optional<at::Tensor>& t, const char* name, int64_t size) {
  if (t && (t->dim() != 1 || t->size(0) != size))
    throw ArgumentFault(std::string(name) + ": expected shape [" + std::to_string(size) + "], received " + std::to_string(t->numel()) + " values in " +
                        std::to_string(t->dim()) + " dimensions");
}

// batchNorm(x_NC..., weight, bias, runningMean, runningVar, training, momentum, eps); running statistics change in place when training
napi_value batchNorm(Arguments& a) {
  const auto& x = a.tensor(0, "x");
  if (x.dim() < 2) throw ArgumentFault("x: expected at least 2 dimensions (batch, channels), received " + std::to_string(x.dim()));
  const auto weight = a.optionalTensor(1, "weight"), bias = a.optionalTensor(2, "bias"), mean = a.optionalTensor(3, "runningMean"),
             var = a.optionalTensor(4, "runningVar");
  checkVector(weight, "weight", x.size(1));
  checkVector(bias, "bias", x.size(1));
  checkVector(mean, "runningMean", x.size(1));
  checkVector(var, "runningVar", x.size(1));
  const bool training = a.boolean(5, "training");
  if (!training && (!mean || !var)) throw ArgumentFault("runningMean, runningVar: expected both outside training, received neither");
  if (mean.has_value() != var.has_value()) throw ArgumentFault("runningMean, runningVar: expected both or neither");
  if (training && x.numel() > 0 && x.numel() / x.size(1) == 1)
    throw ArgumentFault("x: expected more than one value per channel in training, received one");
  return a.wrap(at::batch_norm(x, weight, bias, mean, var, training, a.number(6, "momentum"), a.number(7, "eps"), /*cudnn_enabled=*/true));
}
napi_value layerNorm(Arguments& a) {
  return a.wrap(at::layer_norm(a.tensor(0, "x"), a.ints(1, "normalizedShape", -1, 1), a.optionalTensor(2, "weight"), a.optionalTensor(3, "bias"), a.number(4, "eps")));
}
napi_value groupNorm(Arguments& a) {
  return a.wrap(at::group_norm(a.tensor(0, "x"), a.integer(1, "groups", 1), a.optionalTensor(2, "weight"), a.optionalTensor(3, "bias"), a.number(4, "eps")));
}

template <int N>
Window poolWindow(Arguments& a, const at::Tensor& x) {
  Window w{a.ints(1, "kernel", N, 1), a.ints(2, "stride", N, 1), a.ints(3, "padding", N, 0), Ints(N, 1)};
  checkOutput(a, x, x.size(1), w);
  return w;
}
// maxPoolN(x_NC..., kernel, stride, padding)
napi_value maxPool1d(Arguments& a) {
  const auto& x = a.tensor(0, "x", 3);
  const auto w = poolWindow<1>(a, x);
  return a.wrap(at::max_pool1d(x, w.kernel, w.stride, w.padding));
}
napi_value maxPool2d(Arguments& a) {
  const auto& x = a.tensor(0, "x", 4);
  const auto w = poolWindow<2>(a, x);
  return a.wrap(at::max_pool2d(x, w.kernel, w.stride, w.padding));
}
napi_value maxPool3d(Arguments& a) {
  const auto& x = a.tensor(0, "x", 5);
  const auto w = poolWindow<3>(a, x);
  return a.wrap(at::max_pool3d(x, w.kernel, w.stride, w.padding));
}
// avgPoolN(x_NC..., kernel, stride, padding, countIncludePad)
napi_value avgPool2d(Arguments& a) {
  const auto& x = a.tensor(0, "x", 4);
  const auto w = poolWindow<2>(a, x);
  return a.wrap(at::avg_pool2d(x, w.kernel, w.stride, w.padding, /*ceil_mode=*/false, a.boolean(4, "countIncludePad")));
}
napi_value avgPool3d(Arguments& a) {
  const auto& x = a.tensor(0, "x", 5);
  const auto w = poolWindow<3>(a, x);
  return a.wrap(at::avg_pool3d(x, w.kernel, w.stride, w.padding, /*ceil_mode=*/false, a.boolean(4, "countIncludePad")));
}

Ints outputSize(Arguments& a, const at::Tensor& x, int64_t n) {
  const auto size = a.ints(1, "outputSize", n, 1);
  Ints sizes = {x.size(0), x.size(1)};
  sizes.insert(sizes.end(), size.begin(), size.end());
  checkFits(a.state, sizes, x.scalar_type());
  return size;
}
napi_value adaptiveAvgPool2d(Arguments& a) {
  const auto& x = a.tensor(0, "x", 4);
  return a.wrap(at::adaptive_avg_pool2d(x, outputSize(a, x, 2)));
}
napi_value adaptiveAvgPool3d(Arguments& a) {
  const auto& x = a.tensor(0, "x", 5);
  return a.wrap(at::adaptive_avg_pool3d(x, outputSize(a, x, 3)));
}
napi_value adaptiveMaxPool2d(Arguments& a) {
  const auto& x = a.tensor(0, "x", 4);
  return a.wrap(std::get<0>(at::adaptive_max_pool2d(x, outputSize(a, x, 2))));
}
napi_value adaptiveMaxPool3d(Arguments& a) {
  const auto& x = a.tensor(0, "x", 5);
  return a.wrap(std::get<0>(at::adaptive_max_pool3d(x, outputSize(a, x, 3))));
}

napi_value gelu(Arguments& a) {
  const std::string approximate = a.string(1, "approximate");
  if (approximate != "none" && approximate != "tanh") a.fail(1, "approximate", "'none' or 'tanh'");
  return a.wrap(at::gelu(a.tensor(0, "x"), approximate));
}
napi_value leakyRelu(Arguments& a) { return a.wrap(at::leaky_relu(a.tensor(0, "x"), a.scalar(1, "negativeSlope"))); }
napi_value softplus(Arguments& a) { return a.wrap(at::softplus(a.tensor(0, "x"))); }
napi_value silu(Arguments& a) { return a.wrap(at::silu(a.tensor(0, "x"))); }

// interpolate(x_NC..., size, mode, alignCorners, antialias): scales are taken from the sizes
napi_value interpolate(Arguments& a) {
  const auto& x = a.tensor(0, "x");
  if (x.dim() != 4 && x.dim() != 5) throw ArgumentFault("x: expected 4 or 5 dimensions, received " + std::to_string(x.dim()));
  for (int64_t size : x.sizes())
    if (size == 0) throw ArgumentFault("x: expected no empty dimension");
  const auto size = outputSize(a, x, x.dim() - 2);
  const std::string mode = a.string(2, "mode");
  const bool align = a.boolean(3, "alignCorners"), antialias = a.boolean(4, "antialias");
  const std::string linearName = x.dim() == 4 ? "bilinear" : "trilinear";
  const bool isCubic = mode == "bicubic" && x.dim() == 4;
  if (mode != "nearest" && mode != linearName && !isCubic)
    a.fail(2, "mode", x.dim() == 4 ? "'nearest', 'bilinear' or 'bicubic'" : "'nearest' or 'trilinear'");
  if (antialias && (mode == "nearest" || x.dim() == 5)) throw ArgumentFault("antialias: expected a 4-dimensional x and mode 'bilinear' or 'bicubic'");
  if (isCubic) return a.wrap(antialias ? at::_upsample_bicubic2d_aa(x, size, align) : at::upsample_bicubic2d(x, size, align));
  if (mode == "nearest") return a.wrap(x.dim() == 4 ? at::upsample_nearest2d(x, size) : at::upsample_nearest3d(x, size));
  if (antialias) return a.wrap(at::_upsample_bilinear2d_aa(x, size, align));
  return a.wrap(x.dim() == 4 ? at::upsample_bilinear2d(x, size, align) : at::upsample_trilinear3d(x, size, align));
}
// scaledDotProductAttention(query_BHTD, key_BHSD, value_BHSD, mask, dropout, causal): mask is bool, true where a key takes part, or added
napi_value scaledDotProductAttention(Arguments& a) {
  const auto &query = a.tensor(0, "query", 4), &key = a.tensor(1, "key", 4), &value = a.tensor(2, "value", 4);
  const auto mask = a.optionalTensor(3, "mask");
  const double dropout = a.number(4, "dropout");
  const bool causal = a.boolean(5, "causal");
  const auto same = [&](int64_t dim) { return key.size(dim) == query.size(dim) && value.size(dim) == query.size(dim); };
  if (!same(0) || !same(1)) throw ArgumentFault("query, key, value: expected the same batch size and number of heads");
  if (key.size(3) != query.size(3)) throw ArgumentFault("key: expected the width of the query, " + std::to_string(query.size(3)) + ", received " + std::to_string(key.size(3)));
  if (value.size(2) != key.size(2)) throw ArgumentFault("value: expected as many positions as key, " + std::to_string(key.size(2)) + ", received " + std::to_string(value.size(2)));
  if (!(dropout >= 0 && dropout < 1)) a.fail(4, "dropout", "a number from 0 up to, but not including, 1");
  if (mask && causal) throw ArgumentFault("mask, causal: expected at most one of them, received both");
  return a.wrap(attention(query, key, value, mask, dropout, causal));
}
// affineGrid(theta_N23, [N, C, H, W], alignCorners) -> grid_NHW2; theta_N34 with [N, C, D, H, W] -> grid_NDHW3
napi_value affineGrid(Arguments& a) {
  const auto& theta = a.tensor(0, "theta", 3);
  if (!at::isFloatingType(theta.scalar_type())) throw ArgumentFault(std::string("theta: expected a floating dtype, received ") + dtypeName(theta.scalar_type()));
  const auto size = a.ints(1, "size", theta.size(1) == 3 ? 5 : 4, 1);
  const int64_t rows = static_cast<int64_t>(size.size()) - 2;
  if (theta.size(0) != size[0] || theta.size(1) != rows || theta.size(2) != rows + 1)
    throw ArgumentFault("theta: expected shape [" + std::to_string(size[0]) + ", " + std::to_string(rows) + ", " + std::to_string(rows + 1) + "]");
  Ints sizes = size;
  sizes[1] = rows;
  checkFits(a.state, sizes, theta.scalar_type());
  return a.wrap(at::affine_grid_generator(theta, size, a.boolean(2, "alignCorners")));
}
// gridSample(x, grid, mode, paddingMode, alignCorners)
napi_value gridSample(Arguments& a) {
  const std::string mode = a.string(2, "mode"), padding = a.string(3, "paddingMode");
  const int64_t modeCode = mode == "bilinear" ? 0 : mode == "nearest" ? 1 : -1;
  const int64_t paddingCode = padding == "zeros" ? 0 : padding == "border" ? 1 : padding == "reflection" ? 2 : -1;
  if (modeCode < 0) a.fail(2, "mode", "'bilinear' or 'nearest'");
  if (paddingCode < 0) a.fail(3, "paddingMode", "'zeros', 'border' or 'reflection'");
  return a.wrap(at::grid_sampler(a.tensor(0, "x"), a.tensor(1, "grid"), modeCode, paddingCode, a.boolean(4, "alignCorners")));
}
napi_value embedding(Arguments& a) {
  const auto& weight = a.tensor(0, "weight", 2);
  const auto& index = a.tensor(1, "index");
  if (index.scalar_type() != at::kLong && index.scalar_type() != at::kInt)
    throw ArgumentFault(std::string("index: expected dtype int64, received ") + dtypeName(index.scalar_type()));
  if (index.device().is_cpu() && index.numel() > 0 && (index.min().item<int64_t>() < 0 || index.max().item<int64_t>() >= weight.size(0)))
    throw ArgumentFault("index: expected values from 0 to " + std::to_string(weight.size(0) - 1));
  return a.wrap(at::embedding(weight, index));
}

int64_t reduction(Arguments& a, size_t i) {
  const std::string text = a.string(i, "reduction");
  if (text == "none") return at::Reduction::None;
  if (text == "mean") return at::Reduction::Mean;
  if (text == "sum") return at::Reduction::Sum;
  a.fail(i, "reduction", "'none', 'mean' or 'sum'");
}
// crossEntropy(logits_NC..., target_N... | probabilities, weight_C | null, reduction, ignoreIndex, labelSmoothing)
napi_value crossEntropy(Arguments& a) {
  const auto& logits = a.tensor(0, "logits");
  const auto& target = a.tensor(1, "target");
  const auto weight = a.optionalTensor(2, "weight");
  const double smoothing = a.number(5, "labelSmoothing");
  if (logits.dim() < 1) throw ArgumentFault("logits: expected at least 1 dimension, received 0");
  const int64_t classes = logits.dim() == 1 ? logits.size(0) : logits.size(1);
  const int64_t ignore = a.integer(4, "ignoreIndex");
  checkVector(weight, "weight", classes);
  if (!(smoothing >= 0 && smoothing <= 1)) a.fail(5, "labelSmoothing", "a number between 0 and 1");
  if (!at::isFloatingType(target.scalar_type())) {
    if (target.scalar_type() != at::kLong) throw ArgumentFault(std::string("target: expected dtype int64, received ") + dtypeName(target.scalar_type()));
    if (target.device().is_cpu() && target.numel() > 0) {
      const auto used = target.masked_select(target.ne(ignore));
      if (used.numel() > 0 && (used.min().item<int64_t>() < 0 || used.max().item<int64_t>() >= classes))
        throw ArgumentFault("target: expected classes from 0 to " + std::to_string(classes - 1));
    }
  }
  return a.wrap(at::cross_entropy_loss(logits, target, weight, reduction(a, 3), ignore, smoothing));
}
// binaryCrossEntropyWithLogits(logits, target, weight | null, positiveWeight | null, reduction)
napi_value binaryCrossEntropyWithLogits(Arguments& a) {
  const auto& logits = a.tensor(0, "logits");
  const auto& target = a.tensor(1, "target");
  if (logits.sizes() != target.sizes()) throw ArgumentFault("target: expected the shape of logits");
  return a.wrap(at::binary_cross_entropy_with_logits(logits, target, a.optionalTensor(2, "weight"), a.optionalTensor(3, "positiveWeight"), reduction(a, 4)));
}
napi_value mseLoss(Arguments& a) { return a.wrap(at::mse_loss(a.tensor(0, "x"), a.tensor(1, "target"), reduction(a, 2))); }

// gru(x_BSI, hidden_LBH, parameters, layers, dropout, train, bidirectional) -> [output_BSH, hidden_LBH]; batch first, with biases
napi_value gru(Arguments& a) {
  const auto& x = a.tensor(0, "x", 3);
  const auto& hidden = a.tensor(1, "hidden", 3);
  const auto parameters = a.tensors(2, "parameters");
  const int64_t layers = a.integer(3, "layers", 1, 1024);
  const bool bidirectional = a.boolean(6, "bidirectional");
  const int64_t directions = bidirectional ? 2 : 1;
  if (parameters.size() != static_cast<size_t>(4 * layers * directions))
    throw ArgumentFault("parameters: expected " + std::to_string(4 * layers * directions) + " tensors, received " + std::to_string(parameters.size()));
  const int64_t width = hidden.size(2);
  if (hidden.size(0) != layers * directions || hidden.size(1) != x.size(0))
    throw ArgumentFault("hidden: expected shape [" + std::to_string(layers * directions) + ", " + std::to_string(x.size(0)) + ", hidden]");
  if (x.numel() == 0 || width == 0) throw ArgumentFault("x: expected no empty dimension");
  for (size_t k = 0; k < parameters.size(); k += 4) {
    const int64_t inputs = k / 4 < static_cast<size_t>(directions) ? x.size(2) : width * directions;
    const Ints shapes[4] = {{3 * width, inputs}, {3 * width, width}, {3 * width}, {3 * width}};
    for (size_t j = 0; j < 4; ++j)
      if (parameters[k + j].sizes() != at::IntArrayRef(shapes[j])) throw ArgumentFault("parameters: the tensor at index " + std::to_string(k + j) + " does not have the shape that hidden and x require");
  }
  const double p = a.number(4, "dropout");
  if (p != 0) a.fail(4, "dropout", "0 (the layer applies the dropout between its layers)");
  return a.wrap(at::gru(x, hidden, parameters, /*has_biases=*/true, layers, p, a.boolean(5, "train"), bidirectional, /*batch_first=*/true));
}

}  // namespace

OpTable layerOps() {
  return {{"linear", linear},
          {"conv1d", conv<1>},
          {"conv2d", conv<2>}, {"setConvolutionKernels", setConvolutionKernels},
          {"conv3d", conv<3>},
          {"batchNorm", batchNorm},
          {"layerNorm", layerNorm},
          {"groupNorm", groupNorm},
          {"maxPool1d", maxPool1d},
          {"maxPool2d", maxPool2d},
          {"maxPool3d", maxPool3d},
          {"avgPool2d", avgPool2d},
          {"avgPool3d", avgPool3d},
          {"adaptiveAvgPool2d", adaptiveAvgPool2d},
          {"adaptiveAvgPool3d", adaptiveAvgPool3d},
          {"adaptiveMaxPool2d", adaptiveMaxPool2d},
          {"adaptiveMaxPool3d", adaptiveMaxPool3d},
          {"gelu", gelu},
          {"leakyRelu", leakyRelu},
          {"softplus", softplus},
          {"silu", silu},
          {"interpolate", interpolate},
          {"scaledDotProductAttention", scaledDotProductAttention},
          {"affineGrid", affineGrid},
          {"gridSample", gridSample},
          {"embedding", embedding},
          {"crossEntropy", crossEntropy},
          {"binaryCrossEntropyWithLogits", binaryCrossEntropyWithLogits},
          {"mseLoss", mseLoss},
          {"gru", gru}};
}

}  // namespace slicestack
