// The arguments of one call from JavaScript: each is checked before libtorch sees it, and named in the error.
#pragma once
#include <string>
#include <vector>

#include "environment.h"

namespace slicestack {

using Tensors = std::vector<at::Tensor>;
using Ints = std::vector<int64_t>;

class Arguments {
 public:
  static constexpr size_t kMost = 12;

  Arguments(napi_env env, Environment& state, const char* op, size_t count, const napi_value* values);

  bool missing(size_t i) const;  // absent, undefined or null
  /** Held until the call ends: a getter that runs while later arguments are read may dispose the handle. */
  at::Tensor& tensor(size_t i, const char* name, int64_t dims = -1);
  Optional<at::Tensor> optionalTensor(size_t i, const char* name);
  Tensors tensors(size_t i, const char* name);
  std::vector<Handle> handles(size_t i, const char* name);
  double number(size_t i, const char* name);
  int64_t integer(size_t i, const char* name, int64_t low = INT64_MIN, int64_t high = INT64_MAX);
  bool boolean(size_t i, const char* name);
  std::string string(size_t i, const char* name);
  /** A list of integers; if `count` is given, a single number means `count` equal ones. */
  Ints ints(size_t i, const char* name, int64_t count = -1, int64_t low = INT64_MIN);
  /** A shape: not negative, and small enough for this machine's memory. */
  Ints shape(size_t i, const char* name, at::ScalarType dtype);
  at::ScalarType dtype(size_t i, const char* name);
  Optional<at::ScalarType> optionalDtype(size_t i, const char* name);
  at::Device device(size_t i, const char* name);
  at::Scalar scalar(size_t i, const char* name);
  bool isNumber(size_t i) const;
  /** A typed array as a CPU tensor that borrows its memory: clone before the call returns. */
  at::Tensor borrow(size_t i, const char* name);
  napi_value raw(size_t i) const { return values[i]; }

  napi_value wrap(at::Tensor tensor);
  napi_value wrap(const Tensors& tensors);
  napi_value wrap(const std::tuple<at::Tensor, at::Tensor>& pair);
  napi_value fromNumber(double value);
  napi_value fromBoolean(bool value);
  napi_value fromString(const std::string& value);
  napi_value fromInts(at::IntArrayRef values);
  napi_value nothing();

  [[noreturn]] void fail(size_t i, const char* name, const std::string& expected) const;
  /** Dtypes and shapes of the tensors read so far: for error messages. */
  std::string shapes() const;

  napi_env env;
  Environment& state;
  const char* op;

 private:
  std::string describe(size_t i) const;
  napi_valuetype type(size_t i) const;
  at::Tensor& hold(size_t i, const char* name, Handle handle);
  size_t count;
  const napi_value* values;
  static constexpr size_t kHeld = 8;  // tensors of one call, beside those in lists
  size_t indices[kHeld];
  const char* names[kHeld];
  at::Tensor held[kHeld];
  size_t heldCount = 0;
};

/** Throws MemoryFault if a tensor of this shape cannot fit into the memory of this machine. */
void checkFits(Environment& state, at::IntArrayRef sizes, at::ScalarType dtype);

using Op = napi_value (*)(Arguments&);
struct OpEntry {
  const char* name;
  Op run;
};
using OpTable = std::vector<OpEntry>;

const char* dtypeName(at::ScalarType dtype);

// One table per family; addon.cpp registers all of them.
OpTable memoryOps();
OpTable tf32Ops();
OpTable creationOps();
OpTable shapeOps();
OpTable mathOps();
OpTable layerOps();
OpTable autogradOps();
OpTable functionOps();
OpTable optimizerOps();
OpTable collectiveOps();

}  // namespace slicestack
