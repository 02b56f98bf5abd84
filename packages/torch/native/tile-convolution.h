// Convolutions in bfloat16 with float32 sums, out of products of tiles: forward, gradient of the input, gradient of the weight.
// All tensors are bfloat16 on the CPU, channels last; results too.
#pragma once
#include "tile-gather.h"

namespace slicestack {

/** Whether the forward pass and the gradient of the input are supported: channels must be multiples of 32, so that no step reads beyond its data. */
inline bool wholeTiles(const ConvolutionSizes& s) { return s.inputs % kTileDepth == 0 && s.outputs % kTileDepth == 0; }
/** x_NC..., weight_OI..., bias_O (may be undefined) -> y_NO... */
at::Tensor tileForward(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const ConvolutionSizes& sizes);
/** Besides wholeTiles(): not where stride and dilation come together, nor with more padding than kernel. */
bool hasTileInputGradient(const ConvolutionSizes& sizes);
/** dy_NO..., weight_OI... -> dx_NC... */
at::Tensor tileInputGradient(const at::Tensor& dy, const at::Tensor& weight, const ConvolutionSizes& sizes);
/** dy_NO..., x_NC... -> dweight_OI...; any number of channels */
at::Tensor tileWeightGradient(const at::Tensor& dy, const at::Tensor& x, const ConvolutionSizes& sizes);

}  // namespace slicestack
