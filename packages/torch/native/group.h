// The processes that train together, independent of c10d: distributed.cpp implements the interface, the ops use it.
#pragma once
#include <chrono>
#include <functional>

#include "arguments.h"

namespace slicestack {

enum class Operation : int64_t { allReduce, broadcast, allGather, barrier, averageGradients, syncBatchNorm, syncBatchNormBackward };
enum class Reduce : int64_t { sum, mean, min, max, product };

const char* nameOf(Operation operation);
const char* nameOf(Reduce reduce);

/** What a rank is about to do; all ranks must be about to do the same. */
struct Call {
  Operation operation;
  int64_t detail = 0;  // the reduction, the source, or a hash of what must be equal
  at::ScalarType dtype = at::kFloat;
  Ints sizes = {};
  double weight = 1;  // may differ between ranks; it is sent to all
};

class Group {
 public:
  Group(int rank, int size) : rank(rank), size(size) {}
  virtual ~Group() = default;

  /**
   * Exchanges with all ranks what each is about to do, because Gloo ends the process if sizes differ.
   * @returns the weights by rank; it is also a barrier
   * Throws DistributedFault if the ranks disagree (on all of them, and the group remains usable), or if one is lost.
   */
  std::vector<double> agree(const Call& call);

  /** Runs concurrently until the returned function is called; the tensors are dense, and on carrier() of their device. */
  using Wait = std::function<void()>;
  virtual Wait startAllReduce(Operation operation, const at::Tensor& dense, Reduce reduce) = 0;
  virtual Wait startBroadcast(Operation operation, const at::Tensor& dense, int source) = 0;
  virtual Wait startAllGather(Operation operation, const at::Tensor& dense, const Tensors& outputs) = 0;

  /** The device from which tensors of `device` are sent: itself, or the CPU if no backend supports it. */
  virtual at::Device carrier(at::Device device) const = 0;
  /** Leaves the group; also after a failure, and more than once. */
  virtual void close() noexcept = 0;

  const int rank, size;
};

/** "rank 1 of 2: cause", and a line on what to check. */
DistributedFault faultOf(int rank, int size, const std::string& cause, const std::string& remedy);

struct GroupPlan {
  bool nccl;
  int rank, size;
  std::string address;
  uint16_t port;
  std::chrono::milliseconds timeout;
};

/** The backends of this build: gloo, nccl, or none. */
std::vector<std::string> groupBackends();
/** Waits until all ranks have joined. Throws DistributedFault after the timeout. */
std::shared_ptr<Group> joinGroup(const GroupPlan& plan);

/** The group of this thread. Throws ArgumentFault if there is none. */
std::shared_ptr<Group> groupOf(Arguments& a);

}  // namespace slicestack
