// Batch normalisation over the batch of all ranks: statistics are exchanged in the forward pass, two sums per channel in the backward pass.
// Ioffe and Szegedy, ICML 2015; statistics of parts are joined as in Chan, Golub and LeVeque, Am. Stat. 37 (1983).
#include <torch/csrc/autograd/custom_function.h>

#include "group.h"

namespace slicestack {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

Ints allButChannels(const at::Tensor& x) {
  Ints dims{0};
  for (int64_t k = 2; k < x.dim(); ++k) dims.push_back(k);
  return dims;
}
/** c_C -> [1, C, 1, ...], to broadcast against x. */
at::Tensor channelwise(const at::Tensor& c, const at::Tensor& x) {
  Ints sizes(static_cast<size_t>(x.dim()), 1);
  sizes[1] = c.numel();
  return c.view(sizes);
}
at::ScalarType statisticsDtype(const at::Tensor& x) { return x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat; }

/** Mean and variance (over n, not n - 1) of x over all ranks, float64 on the carrier of x, and the number of values. */
struct Statistics {
  at::Tensor mean, variance;
  double count = 0;
};
Statistics statisticsOfAll(const at::Tensor& x, Group& group) {
  const int64_t channels = x.size(1), count = x.numel() / channels;
  const auto carrier = group.carrier(x.device());
  const auto counts = group.agree({Operation::syncBatchNorm, 0, at::kDouble, {channels}, static_cast<double>(count)});
  at::Tensor own = at::zeros({2, channels}, at::TensorOptions().dtype(at::kDouble).device(carrier));
  if (count > 0) {
    const auto wide = x.to(statisticsDtype(x));
    const auto found = x.device().is_cpu() ? at::batch_norm_update_stats(wide, {}, {}, 0) : at::var_mean(wide, at::IntArrayRef(allButChannels(x)), /*unbiased=*/false);
    own[0].copy_(x.device().is_cpu() ? std::get<0>(found) : std::get<1>(found));
    own[1].copy_(x.device().is_cpu() ? std::get<1>(found) : std::get<0>(found));
  }
  Tensors parts;
  for (int rank = 0; rank < group.size; ++rank) parts.push_back(at::empty_like(own));
  group.startAllGather(Operation::syncBatchNorm, own, parts)();
  Statistics all{at::zeros_like(own[0]), at::zeros_like(own[0])};
  for (double n : counts) all.count += n;
  if (!(all.count > 1)) throw ArgumentFault("x: expected more than one value per channel over all ranks in training, received " + std::to_string(static_cast<int64_t>(all.count)));
  for (size_t rank = 0; rank < parts.size(); ++rank) all.mean.add_(parts[rank][0], counts[rank] / all.count);
  for (size_t rank = 0; rank < parts.size(); ++rank) all.variance.add_(parts[rank][1] + (parts[rank][0] - all.mean).square(), counts[rank] / all.count);
  return all;
}

/** sum dy and sum dy * xhat of this rank, one row each, float64. */
at::Tensor sumsOf(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& mean, const at::Tensor& invstd) {
  const auto dtype = statisticsDtype(x);
  const auto wideDy = dy.to(dtype), wideX = x.to(dtype);
  if (x.numel() == 0) return at::zeros({2, x.size(1)}, mean.options().dtype(at::kDouble));
  if (x.device().is_cpu()) {
    const auto found = at::native_batch_norm_backward(wideDy, wideX, at::ones_like(mean), {}, {}, mean, invstd, /*train=*/true, 0, {false, true, true});
    return at::stack({std::get<2>(found), std::get<1>(found)}).to(at::kDouble);
  }
  const auto dims = allButChannels(x);
  const auto xhat = (wideX - channelwise(mean, x)).mul_(channelwise(invstd, x));
  return at::stack({wideDy.sum(dims), xhat.mul_(wideDy).sum(dims)}).to(at::kDouble);
}

struct GroupHolder : torch::CustomClassHolder {
  explicit GroupHolder(std::shared_ptr<Group> group) : group(std::move(group)) {}
  std::shared_ptr<Group> group;
};

struct Normalise : torch::autograd::Function<Normalise> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const Optional<at::Tensor>& weight, const Optional<at::Tensor>& bias, const Statistics& all,
                            double eps, const std::shared_ptr<Group>& group) {
    const auto options = x.options().dtype(statisticsDtype(x));
    const auto mean = all.mean.to(options), variance = all.variance.to(options), invstd = (all.variance + eps).rsqrt_().to(options);
    context->save_for_backward({x, mean, invstd, weight ? *weight : at::Tensor()});
    context->saved_data["group"] = c10::IValue::make_capsule(c10::make_intrusive<GroupHolder>(group));
    context->saved_data["count"] = all.count;
    if (x.numel() == 0) return at::empty_like(x);
    return at::batch_norm(x, weight, bias, mean, variance, /*training=*/false, 0, eps, /*cudnn_enabled=*/false);
  }

  // dx = weight * invstd * (dy - mean(dy) - xhat * mean(dy * xhat)), the means over all ranks; each rank keeps its share of dweight and dbias
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    if (at::GradMode::is_enabled()) throw std::runtime_error("SyncBatchNorm does not support double backward: use createGraph: false, or BatchNorm in one process");
    const auto saved = context->get_saved_variables();
    const auto &x = saved[0], &mean = saved[1], &invstd = saved[2], &weight = saved[3], &dy = gradients[0];
    const auto holder = c10::static_intrusive_pointer_cast<GroupHolder>(context->saved_data["group"].toCapsule());
    Group& group = *holder->group;
    const double count = context->saved_data["count"].toDouble();

    const auto own = sumsOf(dy, x, mean, invstd);
    group.agree({Operation::syncBatchNormBackward, 0, at::kDouble, {x.size(1)}});
    const auto sums = own.to(group.carrier(x.device()), at::kDouble, /*non_blocking=*/false, /*copy=*/true);
    group.startAllReduce(Operation::syncBatchNormBackward, sums, Reduce::sum)();

    const auto means = (sums / count).to(mean.options());
    const auto scale = weight.defined() ? weight.to(mean.options()) * invstd : invstd;
    const auto shift = channelwise((scale * means[0]).neg_(), x), slope = channelwise((scale * invstd * means[1]).neg_(), x);
    const auto dx = at::addcmul(shift, dy.to(mean.scalar_type()), channelwise(scale, x)).addcmul_(x.to(mean.scalar_type()) - channelwise(mean, x), slope).to(x.scalar_type());
    const auto share = [&](int64_t row) { return weight.defined() ? own[row].to(weight.options()) : at::Tensor(); };
    return {dx, share(1), share(0), {}, {}, {}};
  }
};

}  // namespace

// syncBatchNorm(x_NC..., weight, bias, runningMean, runningVar, momentum, eps): as batchNorm when training, over the x of all ranks together
napi_value syncBatchNorm(Arguments& a) {
  const auto& x = a.tensor(0, "x");
  if (x.dim() < 2 || x.size(1) == 0) throw ArgumentFault("x: expected shape (batch, channels, ...) with at least one channel, received " + std::to_string(x.dim()) + " dimensions");
  if (!at::isFloatingType(x.scalar_type())) throw ArgumentFault(std::string("x: expected a floating dtype, received ") + dtypeName(x.scalar_type()));
  const auto vector = [&](size_t i, const char* name) {
    const auto found = a.optionalTensor(i, name);
    if (found && (found->dim() != 1 || found->size(0) != x.size(1) || !at::isFloatingType(found->scalar_type()) || found->device() != x.device()))
      throw ArgumentFault(std::string(name) + ": expected " + std::to_string(x.size(1)) + " floating values on the device of x");
    return found;
  };
  const auto weight = vector(1, "weight"), bias = vector(2, "bias"), mean = vector(3, "runningMean"), variance = vector(4, "runningVar");
  if (weight.has_value() != bias.has_value()) throw ArgumentFault("weight, bias: expected both or neither");
  const double momentum = a.number(5, "momentum"), eps = a.number(6, "eps");
  const auto group = groupOf(a);
  Statistics all;
  {
    at::NoGradGuard guard;
    all = statisticsOfAll(x.detach(), *group);
    const auto follow = [&](const Optional<at::Tensor>& running, const at::Tensor& value) {
      if (running) running->detach().lerp_(value.to(running->options()), momentum);
    };
    follow(mean, all.mean);
    follow(variance, all.variance * (all.count / (all.count - 1)));
  }
  return a.wrap(Normalise::apply(x, weight, bias, all, eps, group));
}

}  // namespace slicestack
