// Convolutions that compute each of their three parts in a chosen way.
#pragma once
#include "arguments.h"

namespace slicestack {

/** library: libtorch's own. tiles: tile-convolution.h. im2col: what each output sees, written out, times the outputs. */
enum class ConvolutionWay { library, tiles, im2col };

struct ConvolutionWays {
  ConvolutionWay forward, input, weight;
};

/** From three arguments, names. */
ConvolutionWays convolutionWays(Arguments& a, size_t first);
/** Whether a way other than the library's can be taken: on the CPU; tiles where the library would compute in bfloat16 too. */
bool applies(const ConvolutionWays& ways, const at::Tensor& x, const at::Tensor& weight);
/** x_NC..., weight_OI..., bias_O -> y_NO...; over 2 or 3 dimensions, one group */
at::Tensor convolution(const at::Tensor& x, const at::Tensor& weight, const Optional<at::Tensor>& bias, const Ints& stride, const Ints& padding, const Ints& dilation,
                       const ConvolutionWays& ways);

}  // namespace slicestack
