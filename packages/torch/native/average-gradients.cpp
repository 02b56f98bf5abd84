// Averages gradients over ranks in buckets: one message for many small gradients; a bucket is filled while the previous one is sent.
#include <cmath>
#include <map>

#include "group.h"

namespace slicestack {

namespace {

/** Gradients that are sent together: one dtype, one device. */
struct Bucket {
  std::vector<size_t> members;
  int64_t numel = 0;
  at::Tensor values;
  Group::Wait wait;
};

struct Averaging {
  Tensors parameters;
  std::shared_ptr<Group> group;
  double factor;
  int64_t bucketBytes;

  at::ScalarType wire(size_t k) const { return parameters[k].scalar_type() == at::kDouble ? at::kDouble : at::kFloat; }

  /** Which parameters have a gradient on any rank: without one on all ranks, none must appear, as in a single process. */
  std::vector<bool> present() {
    at::Tensor has = at::zeros({static_cast<int64_t>(parameters.size())}, at::TensorOptions().dtype(at::kByte));
    auto* flags = has.data_ptr<uint8_t>();
    for (size_t k = 0; k < parameters.size(); ++k) flags[k] = contributes(k);
    group->startAllReduce(Operation::averageGradients, has, Reduce::max)();
    return std::vector<bool>(flags, flags + parameters.size());
  }
  bool contributes(size_t k) const { return factor != 0 && parameters[k].grad().defined(); }

  std::vector<Bucket> buckets(const std::vector<bool>& present) const {
    std::vector<Bucket> all;
    std::map<std::pair<at::ScalarType, std::string>, size_t> open;
    for (size_t k = 0; k < parameters.size(); ++k) {
      const int64_t numel = parameters[k].numel();
      if (!present[k] || numel == 0) continue;
      const auto key = std::make_pair(wire(k), group->carrier(parameters[k].device()).str());
      const auto at = open.find(key);
      if (at == open.end() || (all[at->second].numel + numel) * static_cast<int64_t>(c10::elementSize(wire(k))) > bucketBytes) {
        open[key] = all.size();
        all.emplace_back();
      }
      auto& bucket = all[open[key]];
      bucket.members.push_back(k);
      bucket.numel += numel;
    }
    return all;
  }

  void send(Bucket& bucket) {
    const size_t first = bucket.members[0];
    const auto options = at::TensorOptions().dtype(wire(first)).device(group->carrier(parameters[first].device()));
    bucket.values = at::empty({bucket.numel}, options);
    int64_t start = 0;
    for (size_t k : bucket.members) {
      at::Tensor part = bucket.values.narrow(0, start, parameters[k].numel());
      if (contributes(k)) part.view(parameters[k].sizes()).copy_(parameters[k].grad());
      else part.zero_();
      start += parameters[k].numel();
    }
    bucket.values.mul_(factor);
    bucket.wait = group->startAllReduce(Operation::averageGradients, bucket.values, Reduce::sum);
  }

  void receive(Bucket& bucket) {
    bucket.wait();
    int64_t start = 0;
    for (size_t k : bucket.members) {
      at::Tensor gradient = parameters[k].grad();
      if (!gradient.defined()) parameters[k].mutable_grad() = gradient = at::empty_like(parameters[k]);
      gradient.copy_(bucket.values.narrow(0, start, parameters[k].numel()).view(parameters[k].sizes()));
      start += parameters[k].numel();
    }
  }
};

}  // namespace

// averageGradients(parameters, weight, bucketBytes): each gradient becomes the sum of weight * gradient over the sum of the weights
napi_value averageGradients(Arguments& a) {
  at::NoGradGuard guard;
  Averaging averaging{a.tensors(0, "parameters"), groupOf(a), a.number(1, "weight"), a.integer(2, "bucketBytes", 1, int64_t{1} << 40)};
  if (!(averaging.factor >= 0) || !std::isfinite(averaging.factor)) a.fail(1, "weight", "a number of at least 0");
  int64_t total = 0;
  uint64_t layout = 17;
  for (const auto& parameter : averaging.parameters) {
    if (!at::isFloatingType(parameter.scalar_type()) || !parameter.is_leaf()) throw ArgumentFault("parameters: expected floating leaves, as returned by Module.parameters()");
    total += parameter.numel();
    for (int64_t fact : parameter.sizes()) layout = (layout ^ static_cast<uint64_t>(fact)) * 1099511628211ull;
    layout = (layout ^ static_cast<uint64_t>(parameter.scalar_type())) * 1099511628211ull;
  }
  const auto count = static_cast<int64_t>(averaging.parameters.size());
  const auto weights = averaging.group->agree({Operation::averageGradients, static_cast<int64_t>(layout), at::kFloat, {count, total}, averaging.factor});
  double sum = 0;
  for (double weight : weights) sum += weight;
  if (!(sum > 0)) throw ArgumentFault("weight: expected a value above 0 on at least one rank, received 0 on all");
  averaging.factor /= sum;
  if (count == 0) return a.nothing();
  auto buckets = averaging.buckets(averaging.present());
  for (auto& bucket : buckets) averaging.send(bucket);  // the next is filled while the previous one is sent
  for (auto& bucket : buckets) averaging.receive(bucket);
  return a.nothing();
}

}  // namespace slicestack
