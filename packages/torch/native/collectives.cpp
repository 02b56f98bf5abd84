// Process groups and their collectives as ops. All of them block until every rank has taken part, or throw DistributedError.
#include <algorithm>

#include "group.h"

namespace slicestack {

const char* nameOf(Operation operation) {
  static constexpr const char* kNames[] = {"allReduce", "broadcast", "allGather", "barrier", "averageGradients", "syncBatchNorm", "syncBatchNormBackward"};
  const auto index = static_cast<size_t>(operation);
  return index < std::size(kNames) ? kNames[index] : "an unknown operation";
}

constexpr const char* kReductions[] = {"sum", "mean", "min", "max", "product"};
const char* nameOf(Reduce reduce) {
  const auto index = static_cast<size_t>(reduce);
  return index < std::size(kReductions) ? kReductions[index] : "an unknown operation";
}

std::shared_ptr<Group> groupOf(Arguments& a) {
  if (!a.state.group) throw ArgumentFault("this thread has no process group; call initProcessGroup() first");
  return a.state.group;
}

namespace {

// distributedBackends() -> ["gloo", "nccl"], or fewer
napi_value distributedBackends(Arguments& a) {
  const auto names = groupBackends();
  napi_value array;
  napi_create_array_with_length(a.env, names.size(), &array);
  for (size_t k = 0; k < names.size(); ++k) napi_set_element(a.env, array, static_cast<uint32_t>(k), a.fromString(names[k]));
  return array;
}

// initProcessGroup(backend, rank, worldSize, masterAddress, masterPort, timeoutSeconds)
napi_value initProcessGroup(Arguments& a) {
  const auto have = groupBackends();
  const std::string backend = a.string(0, "backend");
  if (backend != "gloo" && backend != "nccl") a.fail(0, "backend", "'gloo' or 'nccl'");
  GroupPlan plan;
  plan.nccl = backend == "nccl";
  plan.size = static_cast<int>(a.integer(2, "worldSize", 1, 1 << 16));
  plan.rank = static_cast<int>(a.integer(1, "rank", 0, plan.size - 1));
  plan.address = a.string(3, "masterAddress");
  const bool odd = plan.address.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-_%") != std::string::npos;
  if (plan.address.empty() || plan.address.size() > 253 || odd) throw ArgumentFault("masterAddress: expected the host name or address of rank 0");
  plan.port = static_cast<uint16_t>(a.integer(4, "masterPort", 1, 65535));
  const double seconds = a.number(5, "timeoutSeconds");
  if (!(seconds >= 0.001 && seconds <= 7 * 24 * 3600)) a.fail(5, "timeoutSeconds", "0.001 to 604800 seconds");
  plan.timeout = std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
  if (std::find(have.begin(), have.end(), backend) == have.end()) throw ArgumentFault("backend: '" + backend + "' is not in this build of the addon");
  if (plan.nccl && !at::hasCUDA()) throw ArgumentFault("backend: 'nccl' sends CUDA tensors, and this libtorch finds no CUDA device");
  if (a.state.group) throw ArgumentFault("this thread already has a process group; call destroyProcessGroup() first");
  a.state.group = joinGroup(plan);
  return a.nothing();
}
napi_value destroyProcessGroup(Arguments& a) {
  const auto group = std::move(a.state.group);
  a.state.group.reset();
  if (group) group->close();
  return a.nothing();
}
// processGroup() -> [rank, worldSize], or [] without a group
napi_value processGroup(Arguments& a) {
  if (!a.state.group) return a.fromInts({});
  return a.fromInts({a.state.group->rank, a.state.group->size});
}

/** Gloo adds float32, float64 and the integers below; narrower types are sent as wider ones. */
at::ScalarType wireDtype(const at::Tensor& x) {
  switch (x.scalar_type()) {
    case at::kBFloat16:
    case at::kHalf: return at::kFloat;
    case at::kShort: return at::kInt;
    case at::kFloat:
    case at::kDouble:
    case at::kInt:
    case at::kLong:
    case at::kChar:
    case at::kByte: return x.scalar_type();
    default: throw ArgumentFault(std::string("tensor: expected numbers, received ") + dtypeName(x.scalar_type()));
  }
}
void checkWritable(const at::Tensor& x) {
  for (int64_t k = 0; k < x.dim(); ++k)
    if (x.stride(k) == 0 && x.size(k) > 1) throw ArgumentFault("tensor: expected one stored value per element, received an expanded view; use contiguous()");
}
/** Marks a result that was written without autograd and its version counter. */
void finishInPlace(const at::Tensor& x, const at::Tensor& result) {
  if (result.is_alias_of(x)) x.unsafeGetTensorImpl()->bump_version();
  else x.detach().copy_(result);
}

// allReduce(x, reduction): in place
napi_value allReduce(Arguments& a) {
  at::NoGradGuard guard;
  const auto& x = a.tensor(0, "tensor");
  const std::string name = a.string(1, "reduction");
  const auto found = std::find(std::begin(kReductions), std::end(kReductions), name);
  if (found == std::end(kReductions)) a.fail(1, "reduction", "'sum', 'mean', 'min', 'max' or 'product'");
  const auto reduce = static_cast<Reduce>(found - std::begin(kReductions));
  if (reduce == Reduce::mean && !at::isFloatingType(x.scalar_type())) throw ArgumentFault(std::string("tensor: expected a floating dtype for the mean, received ") + dtypeName(x.scalar_type()));
  const auto wire = wireDtype(x);
  checkWritable(x);
  const auto group = groupOf(a);
  group->agree({Operation::allReduce, static_cast<int64_t>(reduce), x.scalar_type(), x.sizes().vec()});
  if (x.numel() == 0) return a.nothing();
  at::Tensor dense = x.detach().to(group->carrier(x.device()), wire).contiguous();
  group->startAllReduce(Operation::allReduce, dense, reduce)();
  if (reduce == Reduce::mean) dense.div_(group->size);
  finishInPlace(x, dense);
  a.state.forgetCasts();
  return a.nothing();
}

/** The values as bytes, so that every dtype can be sent: a view if x is dense and already on the carrier. */
at::Tensor asBytes(const at::Tensor& x, const Group& group) { return x.detach().to(group.carrier(x.device())).contiguous().view({-1}).view(at::kByte); }

// broadcast(x, source): in place
napi_value broadcast(Arguments& a) {
  at::NoGradGuard guard;
  const auto& x = a.tensor(0, "tensor");
  const auto group = groupOf(a);
  const auto source = a.integer(1, "source", 0, group->size - 1);
  checkWritable(x);
  group->agree({Operation::broadcast, source, x.scalar_type(), x.sizes().vec()});
  if (x.numel() == 0) return a.nothing();
  at::Tensor bytes = asBytes(x, *group);
  group->startBroadcast(Operation::broadcast, bytes, static_cast<int>(source))();
  if (source != group->rank) finishInPlace(x, bytes.is_alias_of(x) ? bytes : bytes.view(x.scalar_type()).view(x.sizes()));
  a.state.forgetCasts();
  return a.nothing();
}

// allGather(x) -> one tensor per rank
napi_value allGather(Arguments& a) {
  at::NoGradGuard guard;
  const auto& x = a.tensor(0, "tensor");
  const auto group = groupOf(a);
  checkFits(a.state, {group->size, x.numel()}, x.scalar_type());
  group->agree({Operation::allGather, 0, x.scalar_type(), x.sizes().vec()});
  Tensors parts;
  if (x.numel() == 0) {
    for (int k = 0; k < group->size; ++k) parts.push_back(at::empty_like(x));
    return a.wrap(parts);
  }
  const at::Tensor bytes = asBytes(x, *group);
  for (int k = 0; k < group->size; ++k) parts.push_back(at::empty_like(bytes));
  group->startAllGather(Operation::allGather, bytes, parts)();
  for (auto& part : parts) part = part.view(x.scalar_type()).view(x.sizes()).to(x.device());
  return a.wrap(parts);
}

napi_value barrier(Arguments& a) {
  groupOf(a)->agree({Operation::barrier});
  return a.nothing();
}

}  // namespace

napi_value averageGradients(Arguments& a);  // average-gradients.cpp
napi_value syncBatchNorm(Arguments& a);     // sync-batch-norm.cpp

OpTable collectiveOps() {
  return {{"distributedBackends", distributedBackends},
          {"initProcessGroup", initProcessGroup},
          {"destroyProcessGroup", destroyProcessGroup},
          {"processGroup", processGroup},
          {"allReduce", allReduce},
          {"broadcast", broadcast},
          {"allGather", allGather},
          {"barrier", barrier},
          {"averageGradients", averageGradients},
          {"syncBatchNorm", syncBatchNorm}};
}

}  // namespace slicestack
