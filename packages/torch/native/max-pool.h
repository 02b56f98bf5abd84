// Maximum pooling in bfloat16, channels last: forward and gradient, over two or three dimensions.
#pragma once
#include "arguments.h"

namespace slicestack {

/** Whether this way can be taken: bfloat16, channels last, on the CPU, channels in sixteens, windows of at most 255 values. */
bool canPoolLanes(const at::Tensor& x, const Ints& kernel);
/** x_NC... -> y_NC..., as max_pool2d and max_pool3d of the library; the gradient is added up in float32. */
at::Tensor maxPoolLanes(const at::Tensor& x, const Ints& kernel, const Ints& stride, const Ints& padding);

}  // namespace slicestack
