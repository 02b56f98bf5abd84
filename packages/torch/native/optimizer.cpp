// Optimiser steps and gradient clipping: one call over all parameters.
// On the CPU, a step is one pass over the memory of each parameter; elsewhere the foreach kernels of libtorch are used.
#include <cmath>

#include "arguments.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define SLICESTACK_CLONES __attribute__((target_clones("avx512f", "avx2", "default"), optimize("O3")))
#else
#define SLICESTACK_CLONES
#endif

namespace slicestack {

namespace {

struct AdamPlan {
  double beta1, beta2, eps, weightDecay, learningRate, correction1, correction2Root;
  bool decoupled;
};

template <class T>
SLICESTACK_CLONES void adamRange(T* parameter, const T* gradient, T* mean, T* square, int64_t n, const AdamPlan& plan) {
  const T beta1 = T(plan.beta1), beta2 = T(plan.beta2), eps = T(plan.eps), root = T(plan.correction2Root), step = T(plan.learningRate / plan.correction1);
  const T rest1 = T(1 - plan.beta1), rest2 = T(1 - plan.beta2), decay = T(plan.weightDecay), shrink = T(1 - plan.learningRate * plan.weightDecay);
  const bool decoupled = plan.decoupled, coupled = !plan.decoupled && plan.weightDecay != 0;
  for (int64_t i = 0; i < n; ++i) {
    T g = gradient[i], p = parameter[i];
    if (coupled) g += decay * p;
    if (decoupled) p *= shrink;
    const T m = mean[i] * beta1 + rest1 * g;
    const T s = square[i] * beta2 + rest2 * g * g;
    mean[i] = m;
    square[i] = s;
    parameter[i] = p - step * (m / (std::sqrt(s) / root + eps));
  }
}
template SLICESTACK_CLONES void adamRange<float>(float*, const float*, float*, float*, int64_t, const AdamPlan&);
template SLICESTACK_CLONES void adamRange<double>(double*, const double*, double*, double*, int64_t, const AdamPlan&);

bool sameDense(const at::Tensor& p, const at::Tensor& other) {
  return other.device().is_cpu() && other.scalar_type() == p.scalar_type() && other.sizes() == p.sizes() && other.strides() == p.strides() &&
         other.is_non_overlapping_and_dense();
}
bool plain(const at::Tensor& p) {
  return p.device().is_cpu() && (p.scalar_type() == at::kFloat || p.scalar_type() == at::kDouble) && p.is_non_overlapping_and_dense();
}

constexpr int64_t kGrain = 1 << 15;

void checkState(const Tensors& parameters, const Tensors& state, const char* name) {
  if (state.size() != parameters.size())
    throw ArgumentFault(std::string(name) + ": expected " + std::to_string(parameters.size()) + " tensors, received " + std::to_string(state.size()));
  for (size_t k = 0; k < state.size(); ++k)
    if (state[k].sizes() != parameters[k].sizes() || state[k].scalar_type() != parameters[k].scalar_type())
      throw ArgumentFault(std::string(name) + ": expected the shape and dtype of the parameter at index " + std::to_string(k));
}

/** The gradients of all parameters, in the layout of the parameters. All must exist: the caller leaves out parameters without a gradient. */
Tensors gradients(const Tensors& parameters) {
  Tensors out;
  for (size_t k = 0; k < parameters.size(); ++k) {
    at::Tensor gradient = parameters[k].grad();
    if (!gradient.defined()) throw ArgumentFault("parameters: the parameter at index " + std::to_string(k) + " has no gradient");
    if (gradient.strides() != parameters[k].strides()) gradient = at::empty_like(parameters[k]).copy_(gradient);
    out.push_back(gradient);
  }
  return out;
}

// adamStep(parameters, means, squares, step, learningRate, beta1, beta2, eps, weightDecay, decoupled)
napi_value adamStep(Arguments& a) {
  at::NoGradGuard guard;
  auto parameters = a.tensors(0, "parameters"), means = a.tensors(1, "means"), squares = a.tensors(2, "squares");
  checkState(parameters, means, "means");
  checkState(parameters, squares, "squares");
  const double step = static_cast<double>(a.integer(3, "step", 1));
  const double beta1 = a.number(5, "beta1"), beta2 = a.number(6, "beta2");
  const AdamPlan plan{beta1, beta2, a.number(7, "eps"), a.number(8, "weightDecay"), a.number(4, "learningRate"), 1 - std::pow(beta1, step),
                      std::sqrt(1 - std::pow(beta2, step)), a.boolean(9, "decoupled")};
  const auto grads = gradients(parameters);
  Tensors p, g, m, s;  // those that need the general implementation
  for (size_t k = 0; k < parameters.size(); ++k) {
    auto& x = parameters[k];
    if (plain(x) && sameDense(x, grads[k]) && sameDense(x, means[k]) && sameDense(x, squares[k])) {
      AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "adamStep", [&] {
        auto* px = x.data_ptr<scalar_t>();
        auto* gx = grads[k].data_ptr<scalar_t>();
        auto* mx = means[k].data_ptr<scalar_t>();
        auto* sx = squares[k].data_ptr<scalar_t>();
        at::parallel_for(0, x.numel(), kGrain, [&](int64_t begin, int64_t end) { adamRange<scalar_t>(px + begin, gx + begin, mx + begin, sx + begin, end - begin, plan); });
      });
    } else {
      p.push_back(x), g.push_back(grads[k]), m.push_back(means[k]), s.push_back(squares[k]);
    }
  }
  if (!p.empty()) {
    if (plan.decoupled) at::_foreach_mul_(p, at::Scalar(1 - plan.learningRate * plan.weightDecay));
    else if (plan.weightDecay != 0) {
      auto decay = at::_foreach_mul(p, at::Scalar(plan.weightDecay));
      at::_foreach_add_(decay, g, 1);
      g = decay;
    }
    at::_foreach_mul_(m, at::Scalar(beta1));
    at::_foreach_add_(m, g, at::Scalar(1 - beta1));
    at::_foreach_mul_(s, at::Scalar(beta2));
    at::_foreach_addcmul_(s, g, g, at::Scalar(1 - beta2));
    auto denominator = at::_foreach_sqrt(s);
    at::_foreach_div_(denominator, at::Scalar(plan.correction2Root));
    at::_foreach_add_(denominator, at::Scalar(plan.eps));
    at::_foreach_addcdiv_(p, m, denominator, at::Scalar(-plan.learningRate / plan.correction1));
  }
  for (auto& x : parameters) x.unsafeGetTensorImpl()->bump_version();
  a.state.forgetCasts();
  return a.nothing();
}

// sgdStep(parameters, velocities, learningRate, momentum, dampening, weightDecay, nesterov, first)
napi_value sgdStep(Arguments& a) {
  at::NoGradGuard guard;
  auto parameters = a.tensors(0, "parameters"), velocities = a.tensors(1, "velocities");
  const double learningRate = a.number(2, "learningRate"), momentum = a.number(3, "momentum"), dampening = a.number(4, "dampening"), decay = a.number(5, "weightDecay");
  const bool nesterov = a.boolean(6, "nesterov"), first = a.boolean(7, "first");
  if (momentum != 0) checkState(parameters, velocities, "velocities");
  if (parameters.empty()) return a.nothing();
  auto grads = gradients(parameters);
  if (decay != 0) {
    auto sum = at::_foreach_mul(parameters, at::Scalar(decay));
    at::_foreach_add_(sum, grads, 1);
    grads = sum;
  }
  if (momentum != 0) {
    at::_foreach_mul_(velocities, at::Scalar(first ? 0.0 : momentum));
    at::_foreach_add_(velocities, grads, at::Scalar(first ? 1.0 : 1 - dampening));
    if (nesterov) {
      auto ahead = at::_foreach_mul(velocities, at::Scalar(momentum));
      at::_foreach_add_(ahead, grads, 1);
      grads = ahead;
    } else {
      grads = velocities;
    }
  }
  at::_foreach_add_(parameters, grads, at::Scalar(-learningRate));
  a.state.forgetCasts();
  return a.nothing();
}

// clipGradNorm(parameters, maxNorm) -> the norm before clipping; parameters without a gradient count as zero
napi_value clipGradNorm(Arguments& a) {
  at::NoGradGuard guard;
  const double most = a.number(1, "maxNorm");
  if (!(most > 0)) a.fail(1, "maxNorm", "a number above 0");
  Tensors grads;
  for (const auto& parameter : a.tensors(0, "parameters"))
    if (parameter.grad().defined()) grads.push_back(parameter.grad());
  if (grads.empty()) return a.fromNumber(0);
  Tensors norms;
  for (const auto& norm : at::_foreach_norm(grads, 2)) norms.push_back(norm.to(grads[0].device(), at::kDouble));
  const double total = at::stack(norms).norm().item<double>();  // device sync
  const double factor = most / (total + 1e-6);
  if (factor < 1) at::_foreach_mul_(grads, at::Scalar(factor));
  return a.fromNumber(total);
}

}  // namespace

OpTable optimizerOps() { return {{"adamStep", adamStep}, {"sgdStep", sgdStep}, {"clipGradNorm", clipGradNorm}}; }

}  // namespace slicestack
