#include "tf32.h"

#include <mutex>

#include "arguments.h"

namespace slicestack {

namespace {

/** The settings of the process: TF32 in products and in convolutions, and cuDNN's choice of kernels by benchmark. */
struct Settings {
  bool products, convolutions, benchmark;
};
Settings current() {
  const auto& context = at::globalContext();
  return {context.allowTF32CuBLAS(), context.allowTF32CuDNN(), context.benchmarkCuDNN()};
}
void apply(const Settings& settings) {
  auto& context = at::globalContext();
  context.setAllowTF32CuBLAS(settings.products);
  context.setAllowTF32CuDNN(settings.convolutions);
  context.setBenchmarkCuDNN(settings.benchmark);
}

std::mutex mutex;
/** Threads that hold the settings, all with the same value. */
size_t holders = 0;
bool heldValue = false;
Settings before{};

/** The caller holds the mutex. */
void refuseOther(const Environment& state, bool allowed) {
  const size_t others = holders - (state.tf32 ? 1 : 0);
  if (others == 0 || heldValue == allowed) return;
  throw ArgumentFault(std::string("allowed: expected ") + (heldValue ? "true" : "false") + ", received " + (allowed ? "true" : "false") +
                      ": TF32 is a setting of the whole process, and another thread computes with it " + (heldValue ? "enabled" : "disabled") +
                      ". Wait until that thread has finished, or compute in another process");
}

// setTf32(allowed): for the whole process, until it is set again
napi_value setTf32(Arguments& a) {
  const bool allowed = a.boolean(0, "allowed");
  const std::lock_guard<std::mutex> lock(mutex);
  refuseOther(a.state, allowed);
  if (holders > 0) heldValue = allowed;
  if (a.state.tf32) a.state.tf32 = allowed;
  apply({allowed, allowed, allowed});
  return a.nothing();
}

// holdTf32(allowed): sets it until this thread calls releaseTf32() or ends
napi_value holdTf32(Arguments& a) {
  const bool allowed = a.boolean(0, "allowed");
  const std::lock_guard<std::mutex> lock(mutex);
  refuseOther(a.state, allowed);
  if (holders == 0) before = current();
  if (!a.state.tf32) ++holders;
  a.state.tf32 = heldValue = allowed;
  apply({allowed, allowed, allowed});
  return a.nothing();
}

napi_value releaseTf32Op(Arguments& a) {
  releaseTf32(a.state);
  return a.nothing();
}

// isTf32Allowed() -> whether products on CUDA may use TF32 now
napi_value isTf32Allowed(Arguments& a) {
  const std::lock_guard<std::mutex> lock(mutex);
  return a.fromBoolean(current().products);
}

}  // namespace

void releaseTf32(Environment& state) {
  const std::lock_guard<std::mutex> lock(mutex);
  if (!state.tf32) return;
  state.tf32.reset();
  if (--holders == 0) apply(before);
}

OpTable tf32Ops() {
  return {{"setTf32", setTf32}, {"holdTf32", holdTf32}, {"releaseTf32", releaseTf32Op}, {"isTf32Allowed", isTf32Allowed}};
}

}  // namespace slicestack
