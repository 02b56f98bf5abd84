#include "arguments.h"

#include "mapped-file.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

namespace slicestack {

namespace {
struct DtypeEntry {
  const char* name;
  at::ScalarType dtype;
};
constexpr DtypeEntry kDtypes[] = {
    {"float32", at::kFloat}, {"float64", at::kDouble}, {"bfloat16", at::kBFloat16}, {"float16", at::kHalf}, {"int64", at::kLong},
    {"int32", at::kInt},     {"int16", at::kShort},    {"int8", at::kChar},         {"uint8", at::kByte},   {"bool", at::kBool},
};

struct TypedArrayEntry {
  napi_typedarray_type type;
  at::ScalarType dtype;
};
constexpr TypedArrayEntry kTypedArrays[] = {
    {napi_float32_array, at::kFloat}, {napi_float64_array, at::kDouble}, {napi_bigint64_array, at::kLong}, {napi_int32_array, at::kInt},
    {napi_int16_array, at::kShort},   {napi_int8_array, at::kChar},      {napi_uint8_array, at::kByte},    {napi_uint8_clamped_array, at::kByte},
};
}  // namespace

/** The bytes that this process may still allocate. JavaScript knows the limits of control groups; Linux would grant more, and kill the process later. */
double availableMemory(Environment& state) {
  double bytes = std::numeric_limits<double>::infinity();
  napi_value probe = nullptr, self, answer;
  if (state.memoryProbe == nullptr || napi_get_reference_value(state.env, state.memoryProbe, &probe) != napi_ok || probe == nullptr) return bytes;
  napi_get_undefined(state.env, &self);
  if (napi_call_function(state.env, self, probe, 0, nullptr, &answer) == napi_ok) napi_get_value_double(state.env, answer, &bytes);
  bool pending = false;
  napi_is_exception_pending(state.env, &pending);
  if (pending) napi_get_and_clear_last_exception(state.env, &answer);
  return bytes;
}

const char* dtypeName(at::ScalarType dtype) {
  for (const auto& entry : kDtypes)
    if (entry.dtype == dtype) return entry.name;
  return "unsupported";
}

void checkFits(Environment& state, at::IntArrayRef sizes, at::ScalarType dtype) {
  double bytes = static_cast<double>(c10::elementSize(dtype));
  for (int64_t size : sizes) bytes *= static_cast<double>(size);
  if (bytes <= (1 << 26)) return;
  const double available = availableMemory(state);
  if (bytes <= available) return;
  std::ostringstream out;
  out << "a " << dtypeName(dtype) << " tensor of shape " << sizes << " needs " << static_cast<uint64_t>(std::min(bytes, 1e19)) << " bytes, and this machine has "
      << static_cast<uint64_t>(available) << " to give; " << state.describeLive(5);
  throw MemoryFault(out.str());
}

Arguments::Arguments(napi_env env, Environment& state, const char* op, size_t count, const napi_value* values)
    : env(env), state(state), op(op), count(std::min(count, kMost)), values(values) {}

napi_valuetype Arguments::type(size_t i) const {
  if (i >= count) return napi_undefined;
  napi_valuetype t = napi_undefined;
  napi_typeof(env, values[i], &t);
  return t;
}

bool Arguments::missing(size_t i) const {
  const napi_valuetype t = type(i);
  return t == napi_undefined || t == napi_null;
}

bool Arguments::isNumber(size_t i) const { return type(i) == napi_number; }

std::string Arguments::describe(size_t i) const {
  switch (type(i)) {
    case napi_undefined: return "undefined";
    case napi_null: return "null";
    case napi_symbol: return "a symbol";
    case napi_function: return "a function";
    case napi_external: return "an external value";
    case napi_bigint: return "a bigint";
    case napi_object: {
      bool is = false;
      napi_is_array(env, values[i], &is);
      if (is) return "an array";
      napi_is_typedarray(env, values[i], &is);
      return is ? "a typed array" : "an object";
    }
    default: break;
  }
  napi_value text;
  char buffer[64];
  size_t length = 0;
  if (napi_coerce_to_string(env, values[i], &text) != napi_ok) return "a value that cannot be converted to a string";
  napi_get_value_string_utf8(env, text, buffer, sizeof buffer, &length);
  return type(i) == napi_string ? "'" + std::string(buffer, length) + "'" : std::string(buffer, length);
}

void Arguments::fail(size_t i, const char* name, const std::string& expected) const {
  throw ArgumentFault(std::string(name) + ": expected " + expected + ", received " + describe(i));
}

at::Tensor& Arguments::tensor(size_t i, const char* name, int64_t dims) {
  double handle = 0;
  if (i >= count || napi_get_value_double(env, values[i], &handle) != napi_ok) fail(i, name, "a Tensor");
  at::Tensor& found = hold(i, name, handle);
  if (dims >= 0 && found.dim() != dims)
    throw ArgumentFault(std::string(name) + ": expected " + std::to_string(dims) + " dimensions, received " + std::to_string(found.dim()));
  return found;
}

at::Tensor& Arguments::hold(size_t i, const char* name, Handle handle) {
  if (heldCount == kHeld) throw ArgumentFault(std::string(name) + ": this op was given too many tensors");
  try {
    held[heldCount] = state.get(handle);
  } catch (const ArgumentFault& fault) {
    throw ArgumentFault(std::string(name) + ": " + fault.what());
  } catch (const DisposedFault& fault) {
    throw DisposedFault(std::string(name) + ": " + fault.what());
  }
  refuseCutFile(held[heldCount]);
  indices[heldCount] = i;
  names[heldCount] = name;
  return held[heldCount++];
}

Optional<at::Tensor> Arguments::optionalTensor(size_t i, const char* name) {
  if (missing(i)) return {};
  return tensor(i, name);
}

std::vector<Handle> Arguments::handles(size_t i, const char* name) {
  bool is = false;
  if (i < count) napi_is_array(env, values[i], &is);
  if (!is) fail(i, name, "an array of Tensors");
  uint32_t length = 0;
  napi_get_array_length(env, values[i], &length);
  std::vector<Handle> out;
  for (uint32_t k = 0; k < length; ++k) {  // the length may be wrong, so no memory is reserved for it
    napi_value item;
    double handle = 0;
    if (napi_get_element(env, values[i], k, &item) != napi_ok || napi_get_value_double(env, item, &handle) != napi_ok)
      throw ArgumentFault(std::string(name) + ": expected a Tensor at index " + std::to_string(k) + ", received something else");
    out.push_back(handle);
  }
  return out;
}

Tensors Arguments::tensors(size_t i, const char* name) {
  Tensors out;
  for (Handle handle : handles(i, name)) {
    at::Tensor& found = hold(i, name, handle);
    out.push_back(found);
    if (heldCount > 4) --heldCount;  // errors name the first tensors of a list; the list itself keeps all of them
  }
  return out;
}

double Arguments::number(size_t i, const char* name) {
  double value = 0;
  if (i >= count || napi_get_value_double(env, values[i], &value) != napi_ok) fail(i, name, "a number");
  return value;
}

int64_t Arguments::integer(size_t i, const char* name, int64_t low, int64_t high) {
  double value = 0;
  if (i >= count || napi_get_value_double(env, values[i], &value) != napi_ok || value != std::floor(value) || std::fabs(value) > 9007199254740991.0)
    fail(i, name, "an integer");
  const int64_t whole = static_cast<int64_t>(value);
  if (whole < low) fail(i, name, "an integer of at least " + std::to_string(low));
  if (whole > high) fail(i, name, "an integer of at most " + std::to_string(high));
  return whole;
}

bool Arguments::boolean(size_t i, const char* name) {
  bool value = false;
  if (i >= count || napi_get_value_bool(env, values[i], &value) != napi_ok) fail(i, name, "true or false");
  return value;
}

std::string Arguments::string(size_t i, const char* name) {
  size_t length = 0;
  if (i >= count || napi_get_value_string_utf8(env, values[i], nullptr, 0, &length) != napi_ok) fail(i, name, "a string");
  std::string out(length + 1, '\0');
  napi_get_value_string_utf8(env, values[i], &out[0], length + 1, &length);
  out.resize(length);
  return out;
}

Ints Arguments::ints(size_t i, const char* name, int64_t wanted, int64_t low) {
  const auto expected = [&] { return wanted >= 0 ? std::to_string(wanted) + " integers" : std::string("an array of integers"); };
  if (wanted >= 0 && isNumber(i)) return Ints(static_cast<size_t>(wanted), integer(i, name, low));
  bool is = false;
  if (i < count) napi_is_array(env, values[i], &is);
  if (!is) fail(i, name, expected());
  uint32_t length = 0;
  napi_get_array_length(env, values[i], &length);
  if (wanted >= 0 && length != static_cast<uint64_t>(wanted))
    throw ArgumentFault(std::string(name) + ": expected " + expected() + ", received " + std::to_string(length));
  if (length > 4096) throw ArgumentFault(std::string(name) + ": expected at most 4096 integers, received " + std::to_string(length));
  Ints out(length);
  for (uint32_t k = 0; k < length; ++k) {
    napi_value item;
    double value = 0;
    if (napi_get_element(env, values[i], k, &item) != napi_ok || napi_get_value_double(env, item, &value) != napi_ok || value != std::floor(value) ||
        std::fabs(value) > 9007199254740991.0)
      throw ArgumentFault(std::string(name) + ": expected " + expected() + ", but the value at index " + std::to_string(k) + " is not an integer");
    out[k] = static_cast<int64_t>(value);
    if (out[k] < low)
      throw ArgumentFault(std::string(name) + ": expected integers of at least " + std::to_string(low) + ", received " + std::to_string(out[k]));
  }
  return out;
}

Ints Arguments::shape(size_t i, const char* name, at::ScalarType dtype) {
  Ints out = ints(i, name, -1, 0);
  if (out.size() > 25) throw ArgumentFault(std::string(name) + ": expected at most 25 dimensions, received " + std::to_string(out.size()));
  checkFits(state, out, dtype);
  return out;
}

at::ScalarType Arguments::dtype(size_t i, const char* name) {
  const std::string text = string(i, name);
  for (const auto& entry : kDtypes)
    if (text == entry.name) return entry.dtype;
  std::string all;
  for (const auto& entry : kDtypes) all += (all.empty() ? "" : ", ") + std::string(entry.name);
  fail(i, name, "one of " + all);
}

Optional<at::ScalarType> Arguments::optionalDtype(size_t i, const char* name) {
  if (missing(i)) return {};
  return dtype(i, name);
}

at::Device Arguments::device(size_t i, const char* name) {
  const std::string text = string(i, name);
  const bool cuda = text.rfind("cuda:", 0) == 0 && text.size() > 5 && text.size() < 8 && text.find_first_not_of("0123456789", 5) == std::string::npos;
  if (text != "cpu" && text != "cuda" && text != "mps" && !cuda) fail(i, name, "'cpu', 'cuda:N' or 'mps'");
  const at::Device device(text);
  if (device.is_cuda() && !at::hasCUDA()) throw ArgumentFault(std::string(name) + ": '" + text + "' was requested, but this libtorch finds no CUDA device");
  if (device.is_mps() && !at::hasMPS()) throw ArgumentFault(std::string(name) + ": 'mps' was requested, but this libtorch finds no Metal device");
  return device;
}

at::Scalar Arguments::scalar(size_t i, const char* name) {
  if (type(i) == napi_boolean) return at::Scalar(boolean(i, name));
  const double value = number(i, name);
  // A whole number remains an integer, so that integer tensors keep their dtype, as in PyTorch.
  if (value == std::floor(value) && std::fabs(value) < 9007199254740992.0) return at::Scalar(static_cast<int64_t>(value));
  return at::Scalar(value);
}

at::Tensor Arguments::borrow(size_t i, const char* name) {
  bool is = false;
  if (i < count) napi_is_typedarray(env, values[i], &is);
  if (!is) fail(i, name, "a typed array");
  napi_typedarray_type kind;
  size_t length = 0;
  void* data = nullptr;
  napi_get_typedarray_info(env, values[i], &kind, &length, &data, nullptr, nullptr);
  for (const auto& entry : kTypedArrays)
    if (entry.type == kind) {
      if (length == 0) return at::empty({0}, at::TensorOptions().dtype(entry.dtype));
      return at::from_blob(data, {static_cast<int64_t>(length)}, at::TensorOptions().dtype(entry.dtype));
    }
  fail(i, name, "a Float32, Float64, BigInt64, Int32, Int16, Int8 or Uint8 array");
}

napi_value Arguments::wrap(at::Tensor tensor) { return fromNumber(state.put(std::move(tensor))); }

napi_value Arguments::wrap(const Tensors& tensors) {
  if (tensors.size() > (1 << 20)) throw ArgumentFault("expected at most 1048576 parts, received " + std::to_string(tensors.size()));
  napi_value array;
  napi_create_array_with_length(env, tensors.size(), &array);
  for (size_t k = 0; k < tensors.size(); ++k) napi_set_element(env, array, static_cast<uint32_t>(k), wrap(tensors[k]));
  return array;
}

napi_value Arguments::wrap(const std::tuple<at::Tensor, at::Tensor>& pair) { return wrap(Tensors{std::get<0>(pair), std::get<1>(pair)}); }

napi_value Arguments::fromNumber(double value) {
  napi_value out;
  napi_create_double(env, value, &out);
  return out;
}

napi_value Arguments::fromBoolean(bool value) {
  napi_value out;
  napi_get_boolean(env, value, &out);
  return out;
}

napi_value Arguments::fromString(const std::string& value) {
  napi_value out;
  napi_create_string_utf8(env, value.data(), value.size(), &out);
  return out;
}

napi_value Arguments::fromInts(at::IntArrayRef list) {
  napi_value array;
  napi_create_array_with_length(env, list.size(), &array);
  for (size_t k = 0; k < list.size(); ++k) napi_set_element(env, array, static_cast<uint32_t>(k), fromNumber(static_cast<double>(list[k])));
  return array;
}

napi_value Arguments::nothing() {
  napi_value out;
  napi_get_undefined(env, &out);
  return out;
}

std::string Arguments::shapes() const {
  std::ostringstream out;
  // The compiler chose the order in which arguments were read; a list is reported at the position of its argument.
  for (size_t i = 0; i < kMost; ++i)
    for (size_t k = 0; k < heldCount; ++k) {
      if (indices[k] != i) continue;
      const at::Tensor& t = held[k];
      out << (out.tellp() > 0 ? ", " : "") << names[k] << " " << dtypeName(t.scalar_type()) << " " << t.sizes();
      if (!t.device().is_cpu()) out << " on " << t.device();
    }
  return out.str();
}

}  // namespace slicestack
