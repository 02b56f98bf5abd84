// Each output keeps the place of its maximum within its window, a byte a value. The gradient is gathered by input, so that no two
// threads write to one place.
#include "max-pool.h"

#include <torch/csrc/autograd/custom_function.h>

#include <array>

#include "vectors.h"

namespace slicestack {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Three = std::array<int64_t, 3>;
using Bytes = uint8_t __attribute__((vector_size(16)));

struct Windows {
  int64_t channels;
  Three in, out, kernel, stride, padding;  // two dimensions have 1 in the first
};

struct Span {
  int64_t first, end;
};
/** Inputs of output `at`. */
SLICESTACK_INLINE Span inputsOf(const Windows& w, size_t dim, int64_t at) {
  const int64_t start = at * w.stride[dim] - w.padding[dim];
  return {std::max<int64_t>(0, start), std::min(w.in[dim], start + w.kernel[dim])};
}
/** Outputs whose window holds input `at`. */
SLICESTACK_INLINE Span outputsOf(const Windows& w, size_t dim, int64_t at) {
  const int64_t past = at + w.padding[dim] - w.kernel[dim] + w.stride[dim];
  return {past <= 0 ? 0 : past / w.stride[dim], std::min(w.out[dim], (at + w.padding[dim]) / w.stride[dim] + 1)};
}

/** One line of outputs of an item: y and the places of the maxima; the first of equal ones, as the library has it. */
SLICESTACK_CLONES void poolLine(const Windows& w, const Bf16* x, int64_t i, int64_t j, Bf16* y, uint8_t* places) {
  const Span is = inputsOf(w, 0, i), js = inputsOf(w, 1, j);
  for (int64_t k = 0; k < w.out[2]; ++k) {
    const Span ks = inputsOf(w, 2, k);
    for (int64_t c = 0; c < w.channels; c += kLanes) {
      Floats most, value;
      for (int64_t lane = 0; lane < kLanes; ++lane) most[lane] = -__builtin_inff();
      Words place = {};
      bool first = true;
      for (int64_t a = is.first; a < is.end; ++a)
        for (int64_t b = js.first; b < js.end; ++b)
          for (int64_t d = ks.first; d < ks.end; ++d) {
            load(x + ((a * w.in[1] + b) * w.in[2] + d) * w.channels + c, value);
            const Words here = Words{} + static_cast<uint32_t>(((a - i * w.stride[0] + w.padding[0]) * w.kernel[1] + b - j * w.stride[1] + w.padding[1]) * w.kernel[2] + d -
                                                               k * w.stride[2] + w.padding[2]);
            const auto more = (value > most) | (value != value);
            most = first ? value : more ? value : most;
            place = first ? here : more ? here : place;
            first = false;
          }
      store(most, y + k * w.channels + c);
      const Bytes narrow = __builtin_convertvector(place, Bytes);
      std::memcpy(places + k * w.channels + c, &narrow, sizeof narrow);
    }
  }
}

/** One line of inputs of an item: the gradients of the outputs whose maximum each is. */
SLICESTACK_CLONES void gatherLine(const Windows& w, const Bf16* dy, const uint8_t* places, int64_t i, int64_t j, Bf16* dx) {
  const Floats zero = {};
  const Span is = outputsOf(w, 0, i), js = outputsOf(w, 1, j);
  for (int64_t k = 0; k < w.in[2]; ++k) {
    const Span ks = outputsOf(w, 2, k);
    for (int64_t c = 0; c < w.channels; c += kLanes) {
      Floats sum = {}, value;
      for (int64_t a = is.first; a < is.end; ++a)
        for (int64_t b = js.first; b < js.end; ++b)
          for (int64_t d = ks.first; d < ks.end; ++d) {
            const int64_t at = ((a * w.out[1] + b) * w.out[2] + d) * w.channels + c;
            const auto place = static_cast<uint32_t>(((i - a * w.stride[0] + w.padding[0]) * w.kernel[1] + j - b * w.stride[1] + w.padding[1]) * w.kernel[2] + k -
                                                     d * w.stride[2] + w.padding[2]);
            Bytes narrow;
            std::memcpy(&narrow, places + at, sizeof narrow);
            load(dy + at, value);
            sum += __builtin_convertvector(narrow, Words) == place ? value : zero;
          }
      store(sum, dx + k * w.channels + c);
    }
  }
}

at::MemoryFormat layoutOf(const at::Tensor& x) { return x.dim() == 5 ? at::MemoryFormat::ChannelsLast3d : at::MemoryFormat::ChannelsLast; }
Bf16* bits(const at::Tensor& t) { return static_cast<Bf16*>(t.data_ptr()); }

Windows windowsOf(const at::Tensor& x, const Ints& kernel, const Ints& stride, const Ints& padding) {
  Windows w{x.size(1), {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}};
  const size_t dims = kernel.size();
  for (size_t k = 0; k < dims; ++k) {
    const size_t to = 3 - dims + k;
    w.in[to] = x.size(static_cast<int64_t>(k) + 2);
    w.kernel[to] = kernel[k];
    w.stride[to] = stride[k];
    w.padding[to] = padding[k];
    w.out[to] = (w.in[to] + 2 * padding[k] - kernel[k]) / stride[k] + 1;
  }
  return w;
}

struct Pool : torch::autograd::Function<Pool> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const Ints& kernel, const Ints& stride, const Ints& padding) {
    const Windows w = windowsOf(x, kernel, stride, padding);
    Ints shape{x.size(0), w.channels};
    for (size_t k = 3 - kernel.size(); k < 3; ++k) shape.push_back(w.out[k]);
    const auto y = at::empty(shape, x.options().memory_format(layoutOf(x))), places = at::empty_like(y, y.options().dtype(at::kByte));
    at::parallel_for(0, x.size(0) * w.out[0] * w.out[1], 4, [&](int64_t begin, int64_t end) {
      for (int64_t line = begin; line < end; ++line) {
        const int64_t item = line / w.out[1] / w.out[0], first = line * w.out[2] * w.channels;
        poolLine(w, bits(x) + item * w.in[0] * w.in[1] * w.in[2] * w.channels, line / w.out[1] % w.out[0], line % w.out[1], bits(y) + first, places.data_ptr<uint8_t>() + first);
      }
    });
    context->save_for_backward({places});
    context->saved_data["shape"] = x.sizes().vec();
    context->saved_data["kernel"] = kernel;
    context->saved_data["stride"] = stride;
    context->saved_data["padding"] = padding;
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    if (at::GradMode::is_enabled()) throw std::runtime_error("maximum pooling in bfloat16 has no gradient of its gradient: use createGraph: false, or float32");
    const auto places = context->get_saved_variables()[0];
    auto& data = context->saved_data;
    const auto dy = gradients[0].to(at::kBFloat16).contiguous(layoutOf(places));
    const auto dx = at::empty(data["shape"].toIntVector(), dy.options().memory_format(layoutOf(places)));
    const Windows w = windowsOf(dx, data["kernel"].toIntVector(), data["stride"].toIntVector(), data["padding"].toIntVector());
    at::parallel_for(0, dx.size(0) * w.in[0] * w.in[1], 4, [&](int64_t begin, int64_t end) {
      for (int64_t line = begin; line < end; ++line) {
        const int64_t from = line / w.in[1] / w.in[0] * w.out[0] * w.out[1] * w.out[2] * w.channels;
        gatherLine(w, bits(dy) + from, places.data_ptr<uint8_t>() + from, line / w.in[1] % w.in[0], line % w.in[1], bits(dx) + line * w.in[2] * w.channels);
      }
    });
    return {dx, {}, {}, {}};
  }
};

}  // namespace

bool canPoolLanes(const at::Tensor& x, const Ints& kernel) {
  double values = 1;
  for (int64_t size : kernel) values *= static_cast<double>(size);
  return x.device().is_cpu() && x.scalar_type() == at::kBFloat16 && x.numel() > 0 && x.size(1) % kLanes == 0 && values <= 255 && x.is_contiguous(layoutOf(x));
}

at::Tensor maxPoolLanes(const at::Tensor& x, const Ints& kernel, const Ints& stride, const Ints& padding) { return Pool::apply(x, kernel, stride, padding); }

}  // namespace slicestack
