// What convolutions by tiles share: sizes, tensors with a margin, and products of gathered rows with prepared columns.
#pragma once
#include <array>
#include <vector>

#include "shims.h"
#include "tile-kernels.h"

namespace slicestack {

using Three = std::array<int64_t, 3>;  // of the spatial dimensions; two of them have 1 in the first
using Four = std::array<int64_t, 4>;   // of item, first, second and last dimension

inline int64_t parts(int64_t whole, int64_t size) { return (whole + size - 1) / size; }
inline int64_t roundedUp(int64_t whole, int64_t size) { return parts(whole, size) * size; }
inline Bf16* bits(const at::Tensor& t) { return static_cast<Bf16*>(t.data_ptr()); }
inline at::MemoryFormat channelsLast(const at::Tensor& x) { return x.dim() == 5 ? at::MemoryFormat::ChannelsLast3d : at::MemoryFormat::ChannelsLast; }
inline at::Tensor scratch(int64_t count, at::ScalarType dtype) { return at::empty({count}, at::TensorOptions().dtype(dtype)); }

/** Sizes of a convolution. */
struct ConvolutionSizes {
  int64_t batch, inputs, outputs;  // items, channels of x, channels of y
  Three in, out, kernel, stride, padding, dilation;

  static ConvolutionSizes of(at::IntArrayRef x, at::IntArrayRef weight, at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation);
  int64_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }
  int64_t positions() const { return batch * out[0] * out[1] * out[2]; }
};

/** Values by item and position: (n, i, j, w) starts at n * pitch[0] + i * pitch[1] + j * pitch[2] + w * pitch[3]. */
struct Field {
  at::Tensor memory;
  Bf16* data;
  Four pitch;
};
/** x, channels last, with a margin of zeros around each item, and `past` zeros after all; x itself where none of it is asked for. */
Field framed(const at::Tensor& x, int64_t items, int64_t channels, const Three& size, const Three& before, const Three& after, int64_t past);
inline Four wholePitch(const Three& size, int64_t channels) { return {size[0] * size[1] * size[2] * channels, size[1] * size[2] * channels, size[2] * channels, channels}; }

/** What a position sees, in the order of the weights: `length` values from `offset` on, which meet the weights from `weight` on. */
struct Run {
  int64_t offset, length, weight;
};
std::vector<Run> runsOf(const ConvolutionSizes& s, const Four& pitch);

/** Where positions (n, i, j, w) stand: start + n * pitch[0] + ... */
struct Places {
  int64_t start;
  Four pitch;
  int64_t at(const Four& p) const { return start + p[0] * pitch[0] + p[1] * pitch[1] + p[2] * pitch[2] + p[3] * pitch[3]; }
};
/** Where each output of a convolution begins to see, in x with its margin. */
inline Places readBy(const ConvolutionSizes& s, const Four& pitch) { return {0, {pitch[0], s.stride[0] * pitch[1], s.stride[1] * pitch[2], s.stride[2] * pitch[3]}}; }
/** The position after p. */
inline void advance(Four& p, const Four& count) {
  for (size_t k = 3; ++p[k] == count[k] && k > 0; --k) p[k] = 0;
}

/** to(position) = bias + sum over steps of from(position)[step, step + 32) . right[step] */
struct Gather {
  const Bf16* from;
  Places read;
  Bf16* to;
  Places written;
  Four count;
  std::vector<int64_t> steps;  // of each step: values from a position to the 32 that it sees
  const char* right;           // for each 32 columns, for each step: two right tiles
  int64_t columns;             // in thirty-twos
  const float* bias;
};
void gather(Gather g);

}  // namespace slicestack
