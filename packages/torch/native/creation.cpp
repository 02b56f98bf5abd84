// Tensors from nothing: constants, ranges, random numbers.
#include "arguments.h"

namespace slicestack {

namespace {

// Every creation op ends with (..., dtype, device).
struct Where {
  at::ScalarType dtype;
  at::Device device;
  at::TensorOptions options() const { return at::TensorOptions().dtype(dtype).device(device); }
};
Where where(Arguments& a, size_t i) { return {a.dtype(i, "dtype"), a.device(i + 1, "device")}; }

/** The generator of this environment on the CPU; libtorch's own on other devices. */
Optional<at::Generator> generator(Arguments& a, const at::Device& device) {
  if (device.is_cpu()) return a.state.generator;
  return {};
}

napi_value empty(Arguments& a) {
  const auto w = where(a, 1);
  return a.wrap(at::empty(a.shape(0, "shape", w.dtype), w.options()));
}
napi_value zeros(Arguments& a) {
  const auto w = where(a, 1);
  return a.wrap(at::zeros(a.shape(0, "shape", w.dtype), w.options()));
}
napi_value ones(Arguments& a) {
  const auto w = where(a, 1);
  return a.wrap(at::ones(a.shape(0, "shape", w.dtype), w.options()));
}
napi_value full(Arguments& a) {
  const auto w = where(a, 2);
  return a.wrap(at::full(a.shape(0, "shape", w.dtype), a.scalar(1, "value"), w.options()));
}
// arange(start, end, step, dtype, device)
napi_value arange(Arguments& a) {
  const auto w = where(a, 3);
  const double start = a.number(0, "start"), end = a.number(1, "end"), step = a.number(2, "step");
  if (!(step != 0) || !((end - start) / step >= 0)) throw ArgumentFault("step: expected a step that leads from start towards end, received " + std::to_string(step));
  if (!((end - start) / step < 9007199254740991.0)) throw ArgumentFault("end: expected a finite range");
  checkFits(a.state, {static_cast<int64_t>((end - start) / step) + 1}, w.dtype);
  return a.wrap(at::arange(a.scalar(0, "start"), a.scalar(1, "end"), a.scalar(2, "step"), w.options()));
}
napi_value linspace(Arguments& a) {
  const auto w = where(a, 3);
  const int64_t steps = a.integer(2, "steps", 0);
  checkFits(a.state, {steps}, w.dtype);
  return a.wrap(at::linspace(a.scalar(0, "start"), a.scalar(1, "end"), steps, w.options()));
}
napi_value eye(Arguments& a) {
  const auto w = where(a, 1);
  const int64_t n = a.integer(0, "n", 0);
  checkFits(a.state, {n, n}, w.dtype);
  return a.wrap(at::eye(n, w.options()));
}
napi_value rand(Arguments& a) {
  const auto w = where(a, 1);
  return a.wrap(at::rand(a.shape(0, "shape", w.dtype), generator(a, w.device), w.options()));
}
napi_value randn(Arguments& a) {
  const auto w = where(a, 1);
  return a.wrap(at::randn(a.shape(0, "shape", w.dtype), generator(a, w.device), w.options()));
}
// randint(low, high, shape, dtype, device): low <= value < high
napi_value randint(Arguments& a) {
  const auto w = where(a, 3);
  const int64_t low = a.integer(0, "low"), high = a.integer(1, "high", low + 1);
  return a.wrap(at::randint(low, high, a.shape(2, "shape", w.dtype), generator(a, w.device), w.options()));
}
napi_value randperm(Arguments& a) {
  const auto w = where(a, 1);
  const int64_t n = a.integer(0, "n", 0);
  checkFits(a.state, {n}, w.dtype);
  return a.wrap(at::randperm(n, generator(a, w.device), w.options()));
}
// uniform_(tensor, low, high), normal_(tensor, mean, std): fill in place, without a gradient
napi_value uniform_(Arguments& a) {
  auto& x = a.tensor(0, "tensor");
  at::NoGradGuard guard;
  x.uniform_(a.number(1, "low"), a.number(2, "high"), generator(a, x.device()));
  a.state.forgetCasts();
  return a.nothing();
}
napi_value normal_(Arguments& a) {
  auto& x = a.tensor(0, "tensor");
  at::NoGradGuard guard;
  x.normal_(a.number(1, "mean"), a.number(2, "std"), generator(a, x.device()));
  a.state.forgetCasts();
  return a.nothing();
}
// multinomial(weights, count, replacement) -> int64 indices
napi_value multinomial(Arguments& a) {
  const auto& weights = a.tensor(0, "weights");
  const int64_t count = a.integer(1, "count", 1);
  checkFits(a.state, {count}, at::kLong);
  return a.wrap(at::multinomial(weights, count, a.boolean(2, "replacement"), generator(a, weights.device())));
}

napi_value dropoutWith(Arguments& a, bool channels) {
  const auto& x = a.tensor(0, "x");
  const double p = a.number(1, "p");
  if (!(p >= 0 && p <= 1)) a.fail(1, "p", "a probability between 0 and 1");
  if (channels && x.dim() < 2) throw ArgumentFault("x: expected at least 2 dimensions (batch, channels), received " + std::to_string(x.dim()));
  if (!a.boolean(2, "train") || p == 0 || x.numel() == 0) return a.wrap(x.alias());
  if (p == 1) return a.wrap(x * at::zeros({}, x.options()));
  at::Tensor noise;
  if (channels) {
    Ints sizes(static_cast<size_t>(x.dim()), 1);
    sizes[0] = x.size(0);
    sizes[1] = x.size(1);
    noise = at::empty(sizes, x.options());
  } else {
    noise = at::empty_like(x);
  }
  {
    at::NoGradGuard guard;
    noise.bernoulli_(1 - p, generator(a, x.device())).div_(1 - p);
  }
  return a.wrap(x * noise);
}
// dropout(x, p, train), featureDropout(x_NC..., p, train): the same draws as PyTorch's from the same generator state
napi_value dropout(Arguments& a) { return dropoutWith(a, false); }
napi_value featureDropout(Arguments& a) { return dropoutWith(a, true); }

at::Generator deviceGenerator(Arguments& a, size_t i) {
  const auto device = a.device(i, "device");
  if (device.is_cpu()) return a.state.generator;
  return at::globalContext().defaultGenerator(device);
}
napi_value manualSeed(Arguments& a) {
  const auto seed = static_cast<uint64_t>(a.integer(0, "seed", 0));
  a.state.generator.set_current_seed(seed);
  if (at::hasCUDA())
    for (int index = 0; index < at::detail::getCUDAHooks().getNumGPUs(); ++index) {
      at::Generator generator = at::globalContext().defaultGenerator(at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(index)));
      generator.set_current_seed(seed);
    }
  return a.nothing();
}
napi_value getGeneratorState(Arguments& a) { return a.wrap(deviceGenerator(a, 0).get_state()); }
napi_value setGeneratorState(Arguments& a) {
  const auto& state = a.tensor(0, "state");
  if (state.scalar_type() != at::kByte || !state.device().is_cpu() || !state.is_contiguous())
    throw ArgumentFault("state: expected the uint8 tensor that getGeneratorState returned");
  at::Generator generator = deviceGenerator(a, 1);
  generator.set_state(state);
  return a.nothing();
}

}  // namespace

OpTable creationOps() {
  return {{"empty", empty},
          {"zeros", zeros},
          {"ones", ones},
          {"full", full},
          {"arange", arange},
          {"linspace", linspace},
          {"eye", eye},
          {"rand", rand},
          {"randn", randn},
          {"randint", randint},
          {"randperm", randperm},
          {"uniform_", uniform_},
          {"normal_", normal_},
          {"multinomial", multinomial},
          {"dropout", dropout},
          {"featureDropout", featureDropout},
          {"manualSeed", manualSeed},
          {"getGeneratorState", getGeneratorState},
          {"setGeneratorState", setGeneratorState}};
}

}  // namespace slicestack
