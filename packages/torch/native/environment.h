// State of one JavaScript environment (the main thread or one worker): tensors by handle, scopes, error classes, generator.
// Nothing here is global to the process, so the addon loads in any number of worker threads.
#pragma once
#include <node_api.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "shims.h"

namespace slicestack {

/** A wrong argument: what was expected, what came. Becomes ArgumentError in JavaScript. */
struct ArgumentFault : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/** A handle whose tensor is gone. Becomes TensorDisposedError. */
struct DisposedFault : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/** Memory that cannot be had. Becomes OutOfMemoryError. */
struct MemoryFault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/** A collective that failed: the ranks do not stand together any more. Becomes DistributedError. */
struct DistributedFault : std::runtime_error {
  DistributedFault(const std::string& text, int rank, int size) : std::runtime_error(text), rank(rank), size(size) {}
  int rank, size;  // -1, 0 where no group is
};

class Group;  // the processes that train together: group.h

/** index + generation * 2^24: exact in a JavaScript number. */
using Handle = double;

/** Who computes convolutions in bfloat16 on the CPU. automatic: whoever is faster here; tiles: our own wherever they can. */
enum class ConvolutionKernels { automatic, libtorch, tiles };

class Environment {
 public:
  explicit Environment(napi_env env) : env(env), generator(newCpuGenerator(5489)) {}

  Handle put(at::Tensor tensor);
  /** Throws DisposedFault where the handle is stale, ArgumentFault where it never was one. */
  at::Tensor& get(Handle handle);
  bool alive(Handle handle) const;
  /** No error where the handle is stale: a second dispose does nothing. */
  void dispose(Handle handle);

  uint32_t beginScope();
  /** Frees all tensors of the innermost scope, but hands `survivors` to the scope around it. */
  void endScope(uint32_t id, const std::vector<Handle>& survivors);
  /** Takes a tensor out of every scope: it lives until it is disposed or collected. */
  void keep(Handle handle);
  size_t scopeDepth() const { return scopes.size(); }

  size_t liveTensors() const { return live; }
  /** Bytes of the distinct storages behind all live tensors. */
  size_t liveBytes() const;
  /** The largest live tensors, a line each: for out-of-memory errors. */
  std::string describeLive(size_t most) const;

  napi_env env;
  at::Generator generator;
  ConvolutionKernels convolutionKernels = ConvolutionKernels::automatic;
  napi_ref errorClasses[5] = {nullptr, nullptr, nullptr, nullptr, nullptr};
  /** Null outside of initProcessGroup() and destroyProcessGroup(). */
  std::shared_ptr<Group> group;

 private:
  struct Slot {
    at::Tensor tensor;
    uint32_t generation = 1;
    uint32_t scope = 0;  // 0: owned by no scope
    int64_t external = 0;  // bytes told to V8; only for tensors that the collector may have to free
    bool live = false;
  };
  struct Scope {
    uint32_t id;
    std::vector<Handle> members;
  };
  Slot* find(Handle handle);
  void release(Slot& slot, uint32_t index);
  void own(Slot& slot, Handle handle);
  void tellCollector(Slot& slot, int64_t bytes);

  std::vector<Slot> slots;
  std::vector<uint32_t> freeSlots;
  std::vector<Scope> scopes;
  uint32_t nextScope = 1;
  size_t live = 0;
};

}  // namespace slicestack
