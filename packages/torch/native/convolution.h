// Convolutions on the CPU in bfloat16: decides which of their three parts are computed by tiles, and which by libtorch.
#pragma once
#include "environment.h"

namespace slicestack {

/**
 * x_NC..., weight_OI..., bias_O -> y_NO..., over two or three dimensions; nothing if libtorch should compute every part.
 * It covers convolutions with one group on the CPU that libtorch would also compute in bfloat16 (autocast, or bfloat16 tensors).
 * In two dimensions, x has to be in channels_last; in three, only the gradient of the weight is covered, in any layout.
 */
Optional<at::Tensor> convolutionByTiles(ConvolutionKernels kernels, const at::Tensor& x, const at::Tensor& weight, const Optional<at::Tensor>& bias,
                                        const std::vector<int64_t>& stride, const std::vector<int64_t>& padding, const std::vector<int64_t>& dilation, int64_t groups);

}  // namespace slicestack
