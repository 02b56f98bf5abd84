// Batch normalisation with what follows it in a residual network, in one pass over memory: relu(norm(x) + residual).
#pragma once
#include "arguments.h"

namespace slicestack {

struct NormArguments {
  at::Tensor x;
  Optional<at::Tensor> weight, bias, runningMean, runningVar, residual;
  bool relu;
  double momentum, eps;
};

/** Whether this way can be taken: training, in bfloat16, channels last, on the CPU, channels in sixteens. */
bool canFuse(const NormArguments& a);
/** As batch_norm, add and relu of the library, rounded to bfloat16 where they round. The running statistics change in place. */
at::Tensor fusedNorm(const NormArguments& a);

}  // namespace slicestack
