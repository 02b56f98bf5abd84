// Convolutions on the CPU in bfloat16: which of their three parts are computed by our own tiles, and which by libtorch.
#pragma once
#include "environment.h"

namespace slicestack {

/**
 * x_NC..., weight_OI..., bias_O -> y_NO..., over two or three dimensions; nothing where every part is better left to libtorch.
 * What it covers: on the CPU, where libtorch would compute in bfloat16 too (autocast, or bfloat16 tensors), one group.
 * In two dimensions x has to be in channels_last; in three the gradient of the weight alone is covered, in any layout.
 */
Optional<at::Tensor> convolutionByTiles(ConvolutionKernels kernels, const at::Tensor& x, const at::Tensor& weight, const Optional<at::Tensor>& bias,
                                        const std::vector<int64_t>& stride, const std::vector<int64_t>& padding, const std::vector<int64_t>& dilation, int64_t groups);

}  // namespace slicestack
