// State of one JavaScript environment (the main thread or one worker): tensors by handle, scopes, error classes, generator.
// Only the numbers that distinguish environments are global to the process, so that the addon loads in any number of threads.
#pragma once
#include <node_api.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include "function.h"
#include "shims.h"

namespace slicestack {

/** A wrong argument: what was expected, what was received. Becomes ArgumentError in JavaScript. */
struct ArgumentFault : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/** A handle whose tensor was disposed. Becomes TensorDisposedError. */
struct DisposedFault : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/** Memory could not be allocated. Becomes OutOfMemoryError. */
struct MemoryFault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/** A collective failed, and the ranks are out of step. Becomes DistributedError. */
struct DistributedFault : std::runtime_error {
  DistributedFault(const std::string& text, int rank, int size) : std::runtime_error(text), rank(rank), size(size) {}
  int rank, size;  // -1, 0 without a group
};

class Group;  // the processes that train together: group.h

/** A mapped file that is shorter than when it was mapped. Becomes MappedFileError. */
struct MappedFileFault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/** index + generation * 2^24 + environment * 2^42: exact in a JavaScript number. A handle is only valid in its thread. */
using Handle = double;

/** The kernels of bfloat16 convolutions on the CPU. automatic: the faster ones; tiles: those of this addon wherever possible. */
enum class ConvolutionKernels { automatic, libtorch, tiles };

class Environment {
 public:
  explicit Environment(napi_env env);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  Handle put(at::Tensor tensor);
  /** Throws DisposedFault if the handle is stale, ArgumentFault if it is invalid. */
  at::Tensor& get(Handle handle);
  bool alive(Handle handle) const;
  /** No error for a stale handle: a second dispose does nothing. */
  void dispose(Handle handle);

  uint32_t beginScope();
  /** Frees all tensors of the innermost scope except `survivors`, which move to the enclosing scope. */
  void endScope(uint32_t id, const std::vector<Handle>& survivors);
  /** Takes a tensor out of every scope: it lives until it is disposed or collected. */
  void keep(Handle handle);
  size_t scopeDepth() const { return scopes.size(); }

  size_t liveTensors() const { return live; }
  /** Bytes of the distinct storages behind all live tensors. */
  size_t liveBytes() const;
  /** The largest live tensors, one line each, for out-of-memory errors. */
  std::string describeLive(size_t most) const;

  napi_env env;
  at::Generator generator;
  /** The number of nested autocast regions that are open. */
  int autocastDepth = 0;
  /**
   * Drops the casts of parameters that autocast keeps until its region ends. libtorch always keeps them: a cast
   * made without recording has no history, so that a later pass would leave its parameter without a gradient; one made before a
   * parameter changed has the old values.
   */
  void forgetCasts() const {
    if (autocastDepth > 0) at::autocast::clear_cache();
  }
  ConvolutionKernels convolutionKernels = ConvolutionKernels::automatic;
  napi_ref errorClasses[6] = {nullptr, nullptr, nullptr, nullptr, nullptr, nullptr};
  /** A function that returns the bytes that this process may still allocate; null if no limit is known. */
  napi_ref memoryProbe = nullptr;
  const std::shared_ptr<FunctionTable> functions = std::make_shared<FunctionTable>(this);
  /** Whether this thread holds TF32 on or off (tf32.cpp); null if it holds neither. */
  Optional<bool> tf32;
  /** Null outside of initProcessGroup() and destroyProcessGroup(). */
  std::shared_ptr<Group> group;

 private:
  struct Slot {
    at::Tensor tensor;
    uint32_t generation = 1;
    uint32_t scope = 0;  // 0: owned by no scope
    const void* reported = nullptr;  // the storage that was reported to V8 for this tensor
    bool live = false;
  };
  struct Scope {
    uint32_t id;
    std::vector<Handle> members;
  };
  /** What was reported to V8 for one storage: its bytes, and how many tensors outside scopes are views of it. */
  struct ReportedStorage {
    int64_t bytes;
    size_t views;
  };
  Slot* find(Handle handle);
  Handle handleOf(uint32_t index) const;
  void release(Slot& slot, uint32_t index);
  void own(Slot& slot, Handle handle);
  /** V8 collects earlier if it expects to free more memory: each storage counts once, however many views it has. */
  void reportToCollector(Slot& slot);
  void withdrawFromCollector(Slot& slot);

  const uint64_t tag;
  std::unordered_map<const void*, ReportedStorage> reported;
  std::vector<Slot> slots;
  std::vector<uint32_t> freeSlots;
  std::vector<Scope> scopes;
  uint32_t nextScope = 1;
  size_t live = 0;
};

}  // namespace slicestack
