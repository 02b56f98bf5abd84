// Access to a missing page of a mapped file raises SIGBUS, which ends the process. The handler here maps an empty
// page instead and records this, so that the op can finish and its result is refused. Other signals are passed on.
#include "mapped-file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <mutex>

namespace slicestack {

namespace {

struct Map {
  // Read by the signal handler, which must not wait. start is 0 while the entry is free.
  std::atomic<uintptr_t> start{0}, end{0};
  std::atomic<bool> isCut{false};
  // Written before start, and read by the owner of a tensor of the map.
  bool isTaken = false;
  int descriptor = -1;
  int64_t bytes = 0;
  std::string path;
  std::atomic<const Environment*> owner{nullptr};
};

constexpr size_t kMaps = 1024;
std::array<Map, kMaps> maps;
std::atomic<size_t> mapsEverUsed{0};  // entries beyond were never used
std::atomic<uint64_t> pagesMissed{0};
std::mutex placesMutex;
struct sigaction before;

Map* mapAt(uintptr_t address) {
  const size_t used = mapsEverUsed.load(std::memory_order_acquire);
  for (size_t k = 0; k < used; ++k) {
    const uintptr_t start = maps[k].start.load(std::memory_order_acquire);
    if (start != 0 && address >= start && address < maps[k].end.load(std::memory_order_relaxed)) return &maps[k];
  }
  return nullptr;
}

void onBusError(int signal, siginfo_t* info, void* context) {
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  if (Map* map = mapAt(address)) {
    const auto size = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
    void* page = reinterpret_cast<void*>(address & ~(size - 1));
    if (mmap(page, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED) {
      map->isCut.store(true);
      pagesMissed.fetch_add(1);
      return;
    }
  }
  if ((before.sa_flags & SA_SIGINFO) != 0 && before.sa_sigaction != nullptr) return before.sa_sigaction(signal, info, context);
  if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) return before.sa_handler(signal);
  std::signal(signal, SIG_DFL);
  std::raise(signal);  // delivered when this returns: it ends the process, as without the handler
}

void guardOnce() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action;
    std::memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_sigaction = onBusError;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    sigaction(SIGBUS, &action, &before);
  });
}

Map& takePlace() {
  const std::lock_guard<std::mutex> lock(placesMutex);
  for (size_t k = 0; k < kMaps; ++k)
    if (!maps[k].isTaken) {
      maps[k].isTaken = true;
      if (k >= mapsEverUsed.load()) mapsEverUsed.store(k + 1, std::memory_order_release);
      return maps[k];
    }
  throw MemoryFault("1024 files are mapped at once; dispose of some of the tensors");
}

void leavePlace(Map& map) {
  const uintptr_t start = map.start.exchange(0);
  if (start != 0) munmap(reinterpret_cast<void*>(start), static_cast<size_t>(map.bytes));
  const std::lock_guard<std::mutex> lock(placesMutex);
  if (map.descriptor >= 0) close(map.descriptor);
  map.descriptor = -1;
  map.isCut.store(false);
  map.owner.store(nullptr);
  map.isTaken = false;
}

std::string cutMessage(const Map& map, int64_t found) {
  const std::string now = found < map.bytes ? "now has " + std::to_string(found) : "can no longer be read completely";
  return map.path + ": expected the " + std::to_string(map.bytes) + " bytes that were mapped, but the file " + now +
         "; it was truncated, replaced or lost while in use. Restore the file and start again";
}
int64_t sizeNow(const Map& map) {
  struct stat facts;
  return fstat(map.descriptor, &facts) == 0 ? static_cast<int64_t>(facts.st_size) : 0;
}

}  // namespace

at::Tensor mapFile(const std::string& path, int64_t bytes, const Environment* owner) {
  guardOnce();
  Map& map = takePlace();
  try {
    map.descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (map.descriptor < 0) throw ArgumentFault("path: expected a readable file, received " + path + " (" + std::strerror(errno) + ")");
    map.bytes = bytes;
    map.path = path;
    map.owner.store(owner);
    void* start = mmap(nullptr, static_cast<size_t>(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, map.descriptor, 0);
    if (start == MAP_FAILED) throw MemoryFault("the " + std::to_string(bytes) + " bytes of " + path + " cannot be mapped (" + std::strerror(errno) + ")");
    map.end.store(reinterpret_cast<uintptr_t>(start) + static_cast<uintptr_t>(bytes));
    map.start.store(reinterpret_cast<uintptr_t>(start), std::memory_order_release);
  } catch (...) {
    leavePlace(map);
    throw;
  }
  return at::from_blob(
      reinterpret_cast<void*>(map.start.load()), {bytes}, [&map](void*) { leavePlace(map); }, at::TensorOptions().dtype(at::kByte));
}

void refuseCutFile(const at::Tensor& tensor) {
  if (mapsEverUsed.load(std::memory_order_relaxed) == 0 || !tensor.defined() || !tensor.device().is_cpu() || !tensor.has_storage()) return;
  const Map* map = mapAt(reinterpret_cast<uintptr_t>(tensor.storage().data_ptr().get()));
  if (map == nullptr) return;
  const int64_t found = sizeNow(*map);
  if (map->isCut.load() || found < map->bytes) throw MappedFileFault(cutMessage(*map, found));
}

uint64_t missingPages() { return pagesMissed.load(std::memory_order_relaxed); }

void refuseMissingPages(const Environment* owner) {
  const size_t used = mapsEverUsed.load();
  for (size_t k = 0; k < used; ++k)
    if (maps[k].isCut.load() && maps[k].owner.load() == owner) throw MappedFileFault(cutMessage(maps[k], sizeNow(maps[k])));
}

}  // namespace slicestack
