// ProcessGroupGloo and ProcessGroupNCCL behind Group: the only file that uses c10d.
// native/build.ts defines USE_C10D_GLOO and USE_C10D_NCCL if headers and libraries allow it; without them there is no backend.
#include "addresses.h"
#include "group.h"
#include "rank-store.h"

#ifdef USE_C10D_GLOO
#include <cstdlib>
#include <future>
#include <sstream>
#include <thread>

#include <torch/csrc/distributed/c10d/HashStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#ifdef USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

namespace slicestack {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using StorePointer = c10::intrusive_ptr<c10d::Store>;
using Backend = c10::intrusive_ptr<CollectiveBackend>;

constexpr milliseconds kSlack{500};  // the timeouts of libtorch come first, because their errors tell more

struct Late {};
/** Runs `work` in a separate thread for at most `limit`; a thread that never returns is abandoned, because nothing can end it. */
template <class F>
auto within(milliseconds limit, F work) -> decltype(work()) {
  using Result = decltype(work());
  auto task = std::make_shared<std::packaged_task<Result()>>(std::move(work));
  auto result = task->get_future();
  std::thread([task] { (*task)(); }).detach();
  if (result.wait_for(limit) != std::future_status::ready) throw Late();
  return result.get();
}

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }
bool isTimeout(const std::string& text) { return contains(text, "imed out") || contains(text, "timeout") || contains(text, "Timeout"); }
std::string seconds(milliseconds time) {
  std::ostringstream out;
  out << double(time.count()) / 1000 << " s";
  return out.str();
}

std::string remedyOf(const GroupPlan& plan, const std::string& said) {
  const std::string port = std::to_string(plan.port);
  if (contains(said, "in use")) return "Port " + port + " is already in use on this host: choose another masterPort, the same on all ranks.";
  return "Check that rank 0 is running on " + plan.address + ", with port " + port +
         " open to this host, and that all ranks were started with the same address, port and number of ranks. If the host has several network interfaces, set GLOO_SOCKET_IFNAME to the one to use.";
}

/** The store of the rendezvous, with the interface of c10d. */
class MeetingPlace final : public c10d::Store {
 public:
  explicit MeetingPlace(const GroupPlan& plan) : MeetingPlace(plan.address, plan.port, plan.timeout) {
    if (plan.rank == 0) server = std::make_unique<StoreServer>(plan.address, plan.port);
  }
  /** A client of an existing server. */
  MeetingPlace(const std::string& address, int port, milliseconds timeout) : Store(timeout), client(address, port), address(address), port(port) {}
  /** The port is free again, and the end of rank 0 does not affect the others. */
  void leave() { server.reset(); }

  void set(const std::string& key, const Bytes& value) override { client.set(key, value, deadline()); }
  Bytes get(const std::string& key) override {
    Bytes value;
    await({key}, deadline(), &value);
    return value;
  }
  int64_t add(const std::string& key, int64_t value) override { return client.add(key, value, deadline()); }
  bool deleteKey(const std::string& key) override { return client.erase(key, deadline()); }
  bool check(const std::vector<std::string>& keys) override {
    Bytes value;
    return std::all_of(keys.begin(), keys.end(), [&](const std::string& key) { return client.find(key, value, deadline()); });
  }
  /** Another client of the same server: c10d needs this method since libtorch 2.10; earlier versions do not have it. */
  c10::intrusive_ptr<c10d::Store> clone() { return c10::make_intrusive<MeetingPlace>(address, port, timeout_); }
  int64_t getNumKeys() override { return client.count(deadline()); }
  void wait(const std::vector<std::string>& keys) override { await(keys, deadline()); }
  void wait(const std::vector<std::string>& keys, const milliseconds& timeout) override { await(keys, steady_clock::now() + timeout); }

 private:
  steady_clock::time_point deadline() const { return steady_clock::now() + timeout_; }
  void await(const std::vector<std::string>& keys, steady_clock::time_point until, Bytes* last = nullptr) {
    Bytes value;
    for (const auto& key : keys)
      while (!client.find(key, last ? *last : value, until)) {
        if (steady_clock::now() >= until) throw std::runtime_error("timed out waiting for " + key);
        std::this_thread::sleep_for(milliseconds(10));
      }
  }
  StoreClient client;
  std::unique_ptr<StoreServer> server;
  const std::string address;
  const int port;
};

/** Waits until every rank has joined. */
void awaitRanks(const GroupPlan& plan, steady_clock::time_point deadline) {
  const StoreClient store(plan.address, plan.port);
  const auto key = [](int rank) { return "slicestack/rank/" + std::to_string(rank); };
  store.set(key(plan.rank), {1}, deadline);
  std::vector<int> missing;
  for (int rank = 0; rank < plan.size; ++rank) missing.push_back(rank);
  Bytes value;
  for (;;) {
    missing.erase(std::remove_if(missing.begin(), missing.end(), [&](int rank) { return store.find(key(rank), value, deadline); }), missing.end());
    if (missing.empty()) return;
    if (steady_clock::now() >= deadline) {
      std::string names;
      for (int rank : missing) names += (names.empty() ? "" : ", ") + std::to_string(rank);
      throw faultOf(plan.rank, plan.size, "rank " + names + " did not join within " + seconds(plan.timeout),
                    "Check its last lines of output: it ended early, or was started with another address, port or number of ranks.");
    }
    std::this_thread::sleep_for(milliseconds(20));
  }
}

std::vector<std::shared_ptr<gloo::transport::Device>> glooDevices(const GroupPlan& plan) {
  using Gloo = c10d::ProcessGroupGloo;
  std::vector<std::shared_ptr<gloo::transport::Device>> devices;
  if (const char* names = std::getenv("GLOO_SOCKET_IFNAME")) {
    std::istringstream list(names);
    for (std::string name; std::getline(list, name, ',');)
      if (!name.empty()) devices.push_back(Gloo::createDeviceForInterface(name));
  }
  if (!devices.empty()) return devices;
  const std::string own = plan.size == 1 ? "127.0.0.1" : addressTowards(plan.address, plan.port);
  return {own.empty() ? Gloo::createDefaultDevice() : Gloo::createDeviceForHostname(own)};
}

struct Backends {
  Backend gloo, nccl;
};

#ifdef USE_C10D_NCCL
/** Errors are returned to the caller: by default, a thread of libtorch would end the process. Settings of the user are kept. */
Backend makeNccl(const GroupPlan& plan, const StorePointer& store) {
  for (const char* name : {"NCCL_BLOCKING_WAIT", "TORCH_NCCL_BLOCKING_WAIT"}) setenv(name, "1", 0);
  for (const char* name : {"NCCL_ASYNC_ERROR_HANDLING", "TORCH_NCCL_ASYNC_ERROR_HANDLING", "TORCH_NCCL_ENABLE_MONITORING"}) setenv(name, "0", 0);
  auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = plan.timeout;
  return c10::make_intrusive<c10d::ProcessGroupNCCL>(c10::make_intrusive<c10d::PrefixStore>("nccl", store), plan.rank, plan.size, options);
}
#endif

Backends connectAll(const GroupPlan& plan) {
  const auto deadline = steady_clock::now() + plan.timeout;
  c10::intrusive_ptr<MeetingPlace> place;
  StorePointer store;
  if (plan.size == 1) {
    store = c10::make_intrusive<c10d::HashStore>();
  } else {
    store = place = c10::make_intrusive<MeetingPlace>(plan);
    awaitRanks(plan, deadline);
  }
  auto options = c10d::ProcessGroupGloo::Options::create(plan.timeout);
  options->devices = glooDevices(plan);
  options->threads = 2;
  Backends made;
  made.gloo = c10::make_intrusive<c10d::ProcessGroupGloo>(store, plan.rank, plan.size, options);
#ifdef USE_C10D_NCCL
  if (plan.nccl) made.nccl = makeNccl(plan, store);
#endif
  made.gloo->barrier()->wait(plan.timeout);
  if (place && !made.nccl) place->leave();  // NCCL ranks connect at their first collective; Gloo ranks are already connected
  return made;
}

class C10dGroup final : public Group {
 public:
  C10dGroup(GroupPlan plan, Backends backends) : Group(plan.rank, plan.size), plan(std::move(plan)), backends(std::move(backends)) {}
  ~C10dGroup() override { close(); }

  Wait startAllReduce(Operation operation, const at::Tensor& dense, Reduce reduce) override {
    c10d::AllreduceOptions options;
    options.reduceOp = reduce == Reduce::min       ? c10d::ReduceOp::MIN
                       : reduce == Reduce::max     ? c10d::ReduceOp::MAX
                       : reduce == Reduce::product ? c10d::ReduceOp::PRODUCT
                                                   : c10d::ReduceOp::SUM;
    Tensors list{dense};
    return start(operation, [&] { return backend(dense)->allreduce(list, options); });
  }
  Wait startBroadcast(Operation operation, const at::Tensor& dense, int source) override {
    c10d::BroadcastOptions options;
    options.rootRank = source;
    Tensors list{dense};
    return start(operation, [&] { return backend(dense)->broadcast(list, options); });
  }
  Wait startAllGather(Operation operation, const at::Tensor& dense, const Tensors& outputs) override {
    Tensors list{dense};
    std::vector<Tensors> into{outputs};
    return start(operation, [&] { return backend(dense)->allgather(into, list); });
  }

  at::Device carrier(at::Device device) const override { return device.is_cuda() && backends.nccl ? device : at::Device(at::kCPU); }

  void close() noexcept override {
    if (!backends.gloo) return;
    try {
      // The destructor waits for running operations; if a peer hangs, they end by their timeout, and nothing needs to wait here.
      within(kSlack, [last = std::move(backends)]() mutable { last = Backends(); });
    } catch (...) {
    }
    backends = Backends();
  }

 private:
  const Backend& backend(const at::Tensor& tensor) const { return tensor.device().is_cpu() ? backends.gloo : backends.nccl; }

  template <class F>
  Wait start(Operation operation, F begin) {
    if (!backends.gloo) throw faultOf(plan.rank, plan.size, std::string(nameOf(operation)) + " was called after destroyProcessGroup()", "Call initProcessGroup() on all ranks to form the group again.");
    if (!failure.empty()) throw faultOf(plan.rank, plan.size, "the group has already failed: " + failure, kAfterwards);
    c10::intrusive_ptr<c10d::Work> work;
    guarded(operation, [&] { work = begin(); });
    return [this, operation, work] { guarded(operation, [&] { work->wait(plan.timeout + kSlack); }); };
  }

  /** After the first failure the ranks are out of step, so nothing more is sent. */
  template <class F>
  void guarded(Operation operation, F action) {
    try {
      action();
    } catch (const c10::Error& error) {
      fail(operation, error.what_without_backtrace());
    } catch (const std::exception& error) {
      fail(operation, error.what());
    }
  }
  [[noreturn]] void fail(Operation operation, const std::string& said) {
    const std::string name = nameOf(operation);
    std::string remedy;
    if (isTimeout(said)) {
      failure = name + " received no answer within " + seconds(plan.timeout);
      remedy = "Check the ranks that did not reach this " + name + ": one of them hangs, is stopped, left its loop early, or needs longer than the timeout.";
    } else {
      failure = name + " lost the connection to another rank";
      remedy = "Check the last lines of output of the other ranks: the one that ended first says why. A rank that printed nothing was killed, possibly because memory ran out.";
    }
    throw faultOf(plan.rank, plan.size, failure + " (" + said + ")", remedy + "\n  " + kAfterwards);
  }

  static constexpr const char* kAfterwards = "This group can no longer be used: call destroyProcessGroup(), then restart all ranks from the last checkpoint.";
  GroupPlan plan;
  Backends backends;
  std::string failure;
};

}  // namespace

std::vector<std::string> groupBackends() {
#ifdef USE_C10D_NCCL
  return {"gloo", "nccl"};
#else
  return {"gloo"};
#endif
}

std::shared_ptr<Group> joinGroup(const GroupPlan& plan) {
  std::string said;
  try {
    return std::make_shared<C10dGroup>(plan, within(plan.timeout + kSlack, [plan] { return connectAll(plan); }));
  } catch (const DistributedFault&) {
    throw;
  } catch (const Late&) {
    said = "no answer";
  } catch (const c10::Error& error) {
    said = error.what_without_backtrace();
  } catch (const std::exception& error) {
    said = error.what();
  }
  const std::string within = said == "no answer" || isTimeout(said) ? " within " + seconds(plan.timeout) : "";
  throw faultOf(plan.rank, plan.size, "the ranks did not find each other" + within + " (" + said + ")", remedyOf(plan, said));
}

}  // namespace slicestack

#else

namespace slicestack {

std::vector<std::string> groupBackends() { return {}; }
std::shared_ptr<Group> joinGroup(const GroupPlan& plan) { throw DistributedFault("this build of the addon has no c10d", plan.rank, plan.size); }

}  // namespace slicestack

#endif
