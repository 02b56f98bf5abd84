#include "environment.h"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <unordered_set>

namespace slicestack {

namespace {
constexpr uint64_t kSlots = 1ull << 24;
constexpr uint32_t kGenerations = 1u << 28;

size_t storageBytes(const at::Tensor& t) { return t.has_storage() ? t.storage().nbytes() : 0; }
}  // namespace

Environment::Slot* Environment::find(Handle handle) {
  if (!(handle >= 0) || handle >= 9007199254740992.0 || handle != std::floor(handle))
    throw ArgumentFault("expected a Tensor, received a number that is no tensor handle");
  const uint64_t bits = static_cast<uint64_t>(handle);
  const uint64_t index = bits % kSlots;
  if (index >= slots.size()) throw ArgumentFault("expected a Tensor of this thread, received a handle that it never made");
  Slot& slot = slots[index];
  return slot.live && slot.generation == bits / kSlots ? &slot : nullptr;
}

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
  const Handle handle = static_cast<double>(index) + static_cast<double>(slot.generation) * static_cast<double>(kSlots);
  own(slot, handle);
  return handle;
}

void Environment::own(Slot& slot, Handle handle) {
  if (scopes.empty()) {
    slot.scope = 0;
    tellCollector(slot, static_cast<int64_t>(storageBytes(slot.tensor)));
  } else {
    slot.scope = scopes.back().id;
    tellCollector(slot, 0);
    scopes.back().members.push_back(handle);
  }
}

void Environment::tellCollector(Slot& slot, int64_t bytes) {
  if (bytes == slot.external) return;
  int64_t total = 0;
  napi_adjust_external_memory(env, bytes - slot.external, &total);
  slot.external = bytes;
}

at::Tensor& Environment::get(Handle handle) {
  Slot* slot = find(handle);
  if (!slot) throw DisposedFault("this tensor was disposed: by dispose(), or with the scope that made it. Return it from the scope, or keep() it");
  return slot->tensor;
}

bool Environment::alive(Handle handle) const {
  const uint64_t bits = handle >= 0 && handle < 9007199254740992.0 ? static_cast<uint64_t>(handle) : 0;
  const uint64_t index = bits % kSlots;
  return index < slots.size() && slots[index].live && slots[index].generation == bits / kSlots;
}

void Environment::release(Slot& slot, uint32_t index) {
  tellCollector(slot, 0);
  at::Tensor last = std::move(slot.tensor);  // freed when the slot is whole again
  slot.tensor = at::Tensor();
  slot.live = false;
  slot.generation = slot.generation + 1 < kGenerations ? slot.generation + 1 : 1;
  --live;
  freeSlots.push_back(index);
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
    throw ArgumentFault("scopes must end in the reverse order of their start; this one is not the innermost");
  for (Handle handle : survivors) find(handle);  // a handle that never was one is refused before anything is freed
  Scope scope = std::move(scopes.back());
  scopes.pop_back();
  for (Handle handle : survivors) {
    Slot* slot = find(handle);
    if (slot && slot->scope == id) own(*slot, handle);  // one that was disposed meanwhile is no reason to keep the scope open
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
  tellCollector(*slot, static_cast<int64_t>(storageBytes(slot->tensor)));
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
