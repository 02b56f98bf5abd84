// Handles, scopes, facts about tensors, copies to and from JavaScript, and facts about the library.
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <thread>

#include "arguments.h"
#include "mapped-file.h"

namespace slicestack {

namespace {

napi_value dispose(Arguments& a) {
  for (Handle handle : a.handles(0, "tensors")) a.state.dispose(handle);
  return a.nothing();
}
napi_value isAlive(Arguments& a) { return a.fromBoolean(a.state.alive(a.number(0, "tensor"))); }
napi_value beginScope(Arguments& a) { return a.fromNumber(a.state.beginScope()); }
napi_value endScope(Arguments& a) {
  const auto id = static_cast<uint32_t>(a.integer(0, "scope", 1, UINT32_MAX));
  a.state.endScope(id, a.handles(1, "survivors"));
  return a.nothing();
}
napi_value keep(Arguments& a) {
  a.tensor(0, "tensor");
  a.state.keep(a.number(0, "tensor"));
  return a.nothing();
}
napi_value scopeDepth(Arguments& a) { return a.fromNumber(static_cast<double>(a.state.scopeDepth())); }
napi_value liveTensors(Arguments& a) { return a.fromNumber(static_cast<double>(a.state.liveTensors())); }
napi_value liveBytes(Arguments& a) { return a.fromNumber(static_cast<double>(a.state.liveBytes())); }
napi_value describeLive(Arguments& a) { return a.fromString(a.state.describeLive(static_cast<size_t>(a.integer(0, "most", 0, 1000)))); }

napi_value shapeOf(Arguments& a) { return a.fromInts(a.tensor(0, "tensor").sizes()); }
napi_value dtypeOf(Arguments& a) { return a.fromString(dtypeName(a.tensor(0, "tensor").scalar_type())); }
napi_value deviceOf(Arguments& a) { return a.fromString(a.tensor(0, "tensor").device().str()); }
napi_value strideOf(Arguments& a) { return a.fromInts(a.tensor(0, "tensor").strides()); }
napi_value isContiguous(Arguments& a) { return a.fromBoolean(a.tensor(0, "tensor").is_contiguous()); }
napi_value memoryFormatOf(Arguments& a) {
  const auto& x = a.tensor(0, "tensor");
  if (x.is_contiguous()) return a.fromString("contiguous");
  if (x.dim() == 4 && x.is_contiguous(at::MemoryFormat::ChannelsLast)) return a.fromString("channels_last");
  if (x.dim() == 5 && x.is_contiguous(at::MemoryFormat::ChannelsLast3d)) return a.fromString("channels_last_3d");
  return a.fromString("strided");
}

// fromTypedArray(array, shape, dtype, device) -> tensor; copies
napi_value fromTypedArray(Arguments& a) {
  const at::Tensor borrowed = a.borrow(0, "data");
  const auto dtype = a.dtype(2, "dtype");
  const auto shape = a.shape(1, "shape", dtype);
  const auto device = a.device(3, "device");
  int64_t wanted = 1;
  for (int64_t size : shape) wanted *= size;
  if (wanted != borrowed.numel())
    throw ArgumentFault("shape: expected " + std::to_string(wanted) + " values for this shape, received " + std::to_string(borrowed.numel()));
  at::Tensor owned = borrowed.to(at::TensorOptions().dtype(dtype), /*non_blocking=*/false, /*copy=*/true).reshape(shape);
  return a.wrap(device.is_cpu() ? owned : owned.to(device));
}

struct ArrayKind {
  at::ScalarType dtype;
  napi_typedarray_type type;
};
constexpr ArrayKind kArrays[] = {{at::kFloat, napi_float32_array}, {at::kDouble, napi_float64_array}, {at::kLong, napi_bigint64_array},
                                 {at::kInt, napi_int32_array},     {at::kShort, napi_int16_array},    {at::kChar, napi_int8_array},
                                 {at::kByte, napi_uint8_array}};

constexpr size_t kMostBytes = size_t(1) << 32;

// toTypedArray(tensor) -> typed array; copies. bfloat16 and float16 become float32, bool becomes uint8.
napi_value toTypedArray(Arguments& a) {
  at::Tensor x = a.tensor(0, "tensor").detach();
  if (x.numel() > (int64_t(1) << 32)) throw MemoryFault("an ArrayBuffer of " + std::to_string(x.numel()) + " values cannot be allocated; read the tensor in parts");
  if (x.scalar_type() == at::kBFloat16 || x.scalar_type() == at::kHalf) x = x.to(at::kFloat);
  if (x.scalar_type() == at::kBool) x = x.to(at::kByte);
  x = x.to(at::kCPU).contiguous();  // device sync
  for (const auto& kind : kArrays)
    if (kind.dtype == x.scalar_type()) {
      napi_value buffer, array;
      void* data = nullptr;
      // The C interface of Node ends the process if V8 refuses the size.
      if (x.nbytes() > kMostBytes || napi_create_arraybuffer(a.env, x.nbytes(), &data, &buffer) != napi_ok)
        throw MemoryFault("an ArrayBuffer of " + std::to_string(x.nbytes()) + " bytes cannot be allocated; read the tensor in parts");
      if (x.nbytes() > 0) std::memcpy(data, x.data_ptr(), x.nbytes());
      napi_create_typedarray(a.env, kind.type, static_cast<size_t>(x.numel()), buffer, 0, &array);
      return array;
    }
  throw ArgumentFault(std::string("tensor: no typed array can hold dtype ") + dtypeName(x.scalar_type()));
}

napi_value item(Arguments& a) {
  const auto& x = a.tensor(0, "tensor");
  if (x.numel() != 1) throw ArgumentFault("tensor: expected one value, received " + std::to_string(x.numel()));
  const at::Tensor value = x.detach().to(at::kCPU);  // device sync
  return a.fromNumber(value.to(at::kDouble).item<double>());
}

// mapFile(path, bytes) -> uint8 tensor over the memory-mapped file, meant for reading: writes are private to the process
napi_value mapFileOp(Arguments& a) {
  const std::string path = a.string(0, "path");
  const int64_t bytes = a.integer(1, "bytes", 1);
  struct stat facts;
  if (stat(path.c_str(), &facts) != 0 || !S_ISREG(facts.st_mode)) a.fail(0, "path", "the path of a file");
  if (facts.st_size < bytes) throw ArgumentFault("bytes: expected at most the file's " + std::to_string(facts.st_size) + ", received " + std::to_string(bytes));
  return a.wrap(mapFile(path, bytes, &a.state));
}

napi_value version(Arguments& a) { return a.fromString(TORCH_VERSION); }
napi_value showConfig(Arguments& a) { return a.fromString(at::show_config()); }
napi_value getNumThreads(Arguments& a) { return a.fromNumber(at::get_num_threads()); }
napi_value setNumThreads(Arguments& a) {
  // The OpenMP runtime ends the process if it cannot start a thread.
  const int64_t most = std::max<int64_t>(16, 2 * std::thread::hardware_concurrency());
  at::set_num_threads(static_cast<int>(a.integer(0, "threads", 1, most)));
  return a.nothing();
}
napi_value cudaDeviceCount(Arguments& a) { return a.fromNumber(at::hasCUDA() ? at::detail::getCUDAHooks().getNumGPUs() : 0); }
napi_value hasMps(Arguments& a) { return a.fromBoolean(at::hasMPS()); }
napi_value synchronize(Arguments& a) {
  const auto device = a.device(0, "device");
  if (device.is_cuda()) at::detail::getCUDAHooks().deviceSynchronize(device.has_index() ? device.index() : 0);
  return a.nothing();
}

}  // namespace

OpTable memoryOps() {
  return {{"dispose", dispose},           {"isAlive", isAlive},           {"beginScope", beginScope},     {"endScope", endScope},
          {"keep", keep},                 {"scopeDepth", scopeDepth},     {"liveTensors", liveTensors},   {"liveBytes", liveBytes},
          {"describeLive", describeLive}, {"shapeOf", shapeOf},           {"dtypeOf", dtypeOf},           {"deviceOf", deviceOf},
          {"strideOf", strideOf},         {"isContiguous", isContiguous}, {"memoryFormatOf", memoryFormatOf}, {"fromTypedArray", fromTypedArray},
          {"toTypedArray", toTypedArray}, {"item", item},                 {"mapFile", mapFileOp},           {"version", version},
          {"showConfig", showConfig},     {"getNumThreads", getNumThreads}, {"setNumThreads", setNumThreads}, {"cudaDeviceCount", cudaDeviceCount},
          {"hasMps", hasMps},             {"synchronize", synchronize}};
}

}  // namespace slicestack
