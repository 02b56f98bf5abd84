// Convolutions in bfloat16 with float32 sums, out of products of tiles: forward, gradient of the input, gradient of the weight.
#pragma once
#include <array>

#include "shims.h"

namespace slicestack {

/** Sizes of a convolution over three dimensions; one over two has 1 in the first. */
struct ConvolutionSizes {
  using Three = std::array<int64_t, 3>;
  int64_t batch, inputs, outputs;  // items, channels of x, channels of y
  Three in, out, kernel, stride, padding, dilation;

  static ConvolutionSizes of(at::IntArrayRef x, at::IntArrayRef weight, at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation);
  int64_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }
  int64_t positions() const { return batch * out[0] * out[1] * out[2]; }
};

at::MemoryFormat channelsLast(const at::Tensor& x);

/** x_NC..., weight_OI..., bias_O (may be undefined) -> y_NO..., bfloat16, channels last */
at::Tensor tileForward(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const ConvolutionSizes& sizes);
/** Whether the gradient of the input has this way: not where stride and dilation come together, nor with more padding than kernel. */
bool hasTileInputGradient(const ConvolutionSizes& sizes);
/** dy_NO..., weight_OI... -> dx_NC..., bfloat16, channels last; `like` has the shape of x */
at::Tensor tileInputGradient(const at::Tensor& dy, const at::Tensor& weight, const at::Tensor& like, const ConvolutionSizes& sizes);
/** dy_NO..., x_NC... -> dweight_OI..., float32, channels last */
at::Tensor tileWeightGradient(const at::Tensor& dy, const at::Tensor& x, const ConvolutionSizes& sizes);

}  // namespace slicestack
