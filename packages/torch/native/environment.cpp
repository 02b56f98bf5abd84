#include "environment.h"

#include <algorithm>
#include <bitset>
#include <cmath>
#include <mutex>
#include <sstream>
#include <unordered_set>

#include "tf32.h"

namespace slicestack {

namespace {
constexpr uint64_t kSlots = 1ull << 24;
constexpr uint32_t kGenerations = 1u << 18;
constexpr uint64_t kEnvironments = 1ull << 11;
constexpr double kHandles = static_cast<double>(kSlots * kGenerations * kEnvironments);

std::mutex tagsMutex;
std::bitset<kEnvironments> tagsInUse;
uint64_t lastTag = 0;

/** The next number that no living environment has; numbers are reused as late as possible. */
uint64_t takeTag() {
  const std::lock_guard<std::mutex> lock(tagsMutex);
  for (uint64_t tried = 0; tried < kEnvironments; ++tried) {
    lastTag = (lastTag + 1) % kEnvironments;
    if (tagsInUse[lastTag]) continue;
    tagsInUse.set(lastTag);
    return lastTag;
  }
  throw MemoryFault("2048 threads are using the addon at once; end some of the workers");
}
void giveTag(uint64_t tag) {
  const std::lock_guard<std::mutex> lock(tagsMutex);
  tagsInUse.reset(tag);
}

struct Parts {
  uint64_t index, generation, tag;
};
Parts partsOf(Handle handle) {
  const uint64_t bits = static_cast<uint64_t>(handle);
  return {bits % kSlots, bits / kSlots % kGenerations, bits / kSlots / kGenerations};
}
bool isHandle(Handle handle) { return handle >= 0 && handle < kHandles && handle == std::floor(handle); }

size_t storageBytes(const at::Tensor& t) { return t.has_storage() ? t.storage().nbytes() : 0; }
}  // namespace

Environment::Slot* Environment::find(Handle handle) {
  if (!isHandle(handle)) throw ArgumentFault("expected a Tensor, received a number that is not a tensor handle");
  const auto [index, generation, from] = partsOf(handle);
  if (from != tag)
    throw ArgumentFault("expected a Tensor of this thread, received one of another thread; a tensor can only be used in the thread that created it: "
                        "post the values of toTypedArray() and create the tensor again with fromTypedArray()");
  if (index >= slots.size()) throw ArgumentFault("expected a Tensor of this thread, received a handle that this thread never created");
  Slot& slot = slots[index];
  return slot.live && slot.generation == generation ? &slot : nullptr;
}

Environment::Environment(napi_env env) : env(env), generator(newCpuGenerator(5489)), tag(takeTag()) {}
Environment::~Environment() {
  functions->state = nullptr;
  releaseTf32(*this);
  giveTag(tag);
}

Handle Environment::handleOf(uint32_t index) const { return static_cast<double>(index + (slots[index].generation + tag * kGenerations) * kSlots); }

Handle Environment::put(at::Tensor tensor) {
  uint32_t index;
  if (!freeSlots.empty()) {
    index = freeSlots.back();
    freeSlots.pop_back();
  } else {
    if (slots.size() >= kSlots) throw MemoryFault("16777216 tensors are alive at once; a Scope around the loop would free them");
    index = static_cast<uint32_t>(slots.size());
    slots.emplace_back();
  }
  Slot& slot = slots[index];
  slot.tensor = std::move(tensor);
  slot.live = true;
  ++live;
  const Handle handle = handleOf(index);
  own(slot, handle);
  return handle;
}

void Environment::own(Slot& slot, Handle handle) {
  if (scopes.empty()) {
    slot.scope = 0;
    reportToCollector(slot);
  } else {
    slot.scope = scopes.back().id;
    withdrawFromCollector(slot);
    scopes.back().members.push_back(handle);
  }
}

void Environment::reportToCollector(Slot& slot) {
  withdrawFromCollector(slot);
  if (!slot.tensor.has_storage()) return;
  const void* storage = slot.tensor.storage().unsafeGetStorageImpl();
  const auto bytes = static_cast<int64_t>(storageBytes(slot.tensor));
  slot.reported = storage;
  const auto [place, isNew] = reported.try_emplace(storage, ReportedStorage{bytes, 0});
  ++place->second.views;
  int64_t total = 0;
  if (isNew) napi_adjust_external_memory(env, bytes, &total);
}

void Environment::withdrawFromCollector(Slot& slot) {
  if (slot.reported == nullptr) return;
  const auto place = reported.find(slot.reported);
  slot.reported = nullptr;
  if (--place->second.views > 0) return;
  int64_t total = 0;
  napi_adjust_external_memory(env, -place->second.bytes, &total);
  reported.erase(place);
}

at::Tensor& Environment::get(Handle handle) {
  Slot* slot = find(handle);
  if (!slot) throw DisposedFault("this tensor was disposed, by dispose() or at the end of the scope that created it. Return it from the scope, or call keep() on it");
  return slot->tensor;
}

bool Environment::alive(Handle handle) const {
  if (!isHandle(handle)) return false;
  const auto [index, generation, from] = partsOf(handle);
  return from == tag && index < slots.size() && slots[index].live && slots[index].generation == generation;
}

void Environment::release(Slot& slot, uint32_t index) {
  withdrawFromCollector(slot);
  at::Tensor last = std::move(slot.tensor);  // freed when the slot is consistent again
  slot.tensor = at::Tensor();
  slot.live = false;
  --live;
  // A slot whose generations are used up is never used again, so that no old handle can mean a new tensor.
  if (++slot.generation < kGenerations) freeSlots.push_back(index);
}

void Environment::dispose(Handle handle) {
  if (Slot* slot = find(handle)) release(*slot, static_cast<uint32_t>(static_cast<uint64_t>(handle) % kSlots));
}

uint32_t Environment::beginScope() {
  const uint32_t id = nextScope;
  nextScope = nextScope == UINT32_MAX ? 1 : nextScope + 1;
  scopes.push_back({id, {}});
  return id;
}

void Environment::endScope(uint32_t id, const std::vector<Handle>& survivors) {
  if (scopes.empty() || scopes.back().id != id)
    throw ArgumentFault("scopes must end in the reverse order of their creation; this one is not the innermost");
  for (Handle handle : survivors) find(handle);  // an invalid handle is refused before anything is freed
  Scope scope = std::move(scopes.back());
  scopes.pop_back();
  for (Handle handle : survivors) {
    Slot* slot = find(handle);
    if (slot && slot->scope == id) own(*slot, handle);  // a tensor that was disposed meanwhile does not keep the scope open
  }
  for (Handle handle : scope.members) {
    Slot* slot = find(handle);
    if (slot && slot->scope == id) release(*slot, static_cast<uint32_t>(static_cast<uint64_t>(handle) % kSlots));
  }
}

void Environment::keep(Handle handle) {
  get(handle);
  Slot* slot = find(handle);
  slot->scope = 0;
  reportToCollector(*slot);
}

size_t Environment::liveBytes() const {
  std::unordered_set<const void*> seen;
  size_t bytes = 0;
  for (const Slot& slot : slots)
    if (slot.live && slot.tensor.has_storage() && seen.insert(slot.tensor.storage().unsafeGetStorageImpl()).second)
      bytes += storageBytes(slot.tensor);
  return bytes;
}

std::string Environment::describeLive(size_t most) const {
  std::vector<const Slot*> all;
  for (const Slot& slot : slots)
    if (slot.live) all.push_back(&slot);
  std::sort(all.begin(), all.end(), [](const Slot* a, const Slot* b) { return storageBytes(a->tensor) > storageBytes(b->tensor); });
  std::ostringstream out;
  out << live << " live tensors hold " << liveBytes() << " bytes";
  for (size_t i = 0; i < all.size() && i < most; ++i)
    out << "\n  " << all[i]->tensor.scalar_type() << " " << all[i]->tensor.sizes() << ", " << storageBytes(all[i]->tensor) << " bytes";
  return out.str();
}

}  // namespace slicestack
