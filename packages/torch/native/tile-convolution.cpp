// A convolution as products of matrices that are never written out whole: a row of the left one is what an output position sees.
#include "tile-convolution.h"

#include <algorithm>
#include <cstring>

namespace slicestack {

namespace {

at::Tensor likeConvolution(const at::Tensor& x, int64_t channels, const Three& size, at::ScalarType dtype) {
  std::vector<int64_t> shape{x.size(0), channels};
  for (size_t k = 5 - static_cast<size_t>(x.dim()); k < 3; ++k) shape.push_back(size[k]);
  return at::empty(shape, x.options().dtype(dtype).memory_format(channelsLast(x)));
}
/** How far incomplete tiles of `line` positions may read past the end of memory with `channels`. */
int64_t readsPast(const ConvolutionSizes& s, int64_t line, int64_t channels, int64_t step) {
  const bool pointwise = s.taps() == 1 && s.stride == Three{1, 1, 1} && s.padding == Three{0, 0, 0};  // its lines are joined
  return (pointwise ? s.positions() : line) % kTileRows == 0 ? 0 : kTileRows * step * channels;
}

}  // namespace

at::Tensor tileForward(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& givenBias, const ConvolutionSizes& s) {
  const auto bias = givenBias.defined() ? givenBias.to(at::kFloat).contiguous() : at::Tensor();
  const auto field = framed(x, s.batch, s.inputs, s.in, s.padding, s.padding, readsPast(s, s.out[2], s.inputs, s.stride[2]));
  std::vector<int64_t> offsets, places;  // of each step: in the field, and in a row of the weights
  for (const Run& each : runsOf(s, field.pitch))
    for (int64_t at = 0; at < each.length; at += kTileDepth) {
      offsets.push_back(each.offset + at);
      places.push_back(each.weight + at);
    }
  const auto count = static_cast<int64_t>(offsets.size());
  const int64_t panels = s.outputs / kBlock, depth = s.taps() * s.inputs;
  const auto right = scratch(panels * count * 2 * kTileBytes, at::kByte);
  char* tiles = static_cast<char*>(right.data_ptr());
  const Bf16* weights = bits(weight);
  const auto& kernels = tileKernels();
  at::parallel_for(0, panels * count, 8, [&](int64_t begin, int64_t end) {
    for (int64_t index = begin; index < end; ++index)
      for (int64_t half = 0; half < 2; ++half) {
        const int64_t output = index / count * kBlock + half * kTileRows;
        kernels.transposePairs(weights + output * depth + places[static_cast<size_t>(index % count)], depth, reinterpret_cast<Pair*>(tiles + (2 * index + half) * kTileBytes));
      }
  });
  auto y = likeConvolution(x, s.outputs, s.out, at::kBFloat16);
  gather({field.data, readBy(s, field.pitch), bits(y), {0, wholePitch(s.out, s.outputs)}, {s.batch, s.out[0], s.out[1], s.out[2]}, offsets, tiles, s.outputs,
          bias.defined() ? bias.data_ptr<float>() : nullptr});
  return y;
}

bool hasTileInputGradient(const ConvolutionSizes& s) {
  for (size_t k = 0; k < 3; ++k)
    if ((s.stride[k] > 1 && s.dilation[k] > 1) || s.padding[k] > s.dilation[k] * (s.kernel[k] - 1)) return false;
  return true;
}

namespace {

/** The outputs that depend on inputs at `first`, first + stride, ...: for each kernel position, output = input / stride + shift. */
struct Reach {
  int64_t first, count;
  std::vector<int64_t> place, shift;
};

std::vector<Reach> reachesOf(const ConvolutionSizes& s, size_t dim) {
  std::vector<Reach> reaches;
  for (int64_t first = 0; first < std::min(s.stride[dim], s.in[dim]); ++first) {
    Reach reach{first, parts(s.in[dim] - first, s.stride[dim]), {}, {}};
    for (int64_t place = s.kernel[dim] - 1; place >= 0; --place) {
      const int64_t from = first + s.padding[dim] - place * s.dilation[dim];
      if (from % s.stride[dim] != 0) continue;
      reach.place.push_back(place);
      reach.shift.push_back(from / s.stride[dim]);
    }
    reaches.push_back(reach);
  }
  return reaches;
}

}  // namespace

at::Tensor tileInputGradient(const at::Tensor& dy, const at::Tensor& weight, const ConvolutionSizes& s) {
  std::array<std::vector<Reach>, 3> reaches;
  Three before{0, 0, 0}, after{0, 0, 0};
  bool whole = true;
  for (size_t k = 0; k < 3; ++k) {
    reaches[k] = reachesOf(s, k);
    for (const Reach& reach : reaches[k]) {
      whole = whole && !reach.place.empty();
      for (int64_t shift : reach.shift) {
        before[k] = std::max(before[k], -shift);
        after[k] = std::max(after[k], reach.count - 1 + shift - (s.out[k] - 1));
      }
    }
  }
  auto dx = likeConvolution(dy, s.inputs, s.in, at::kBFloat16);
  if (!whole) dx.zero_();  // some inputs do not influence any output
  const auto field = framed(dy, s.batch, s.outputs, s.out, before, after, readsPast(s, s.in[2] % s.stride[2] == 0 ? s.in[2] / s.stride[2] : 1, s.outputs, 1));
  const auto& kernels = tileKernels();
  const Bf16* weights = bits(weight);
  const int64_t chunks = s.outputs / kTileDepth, panels = s.inputs / kBlock, depth = s.taps() * s.inputs;

  for (const Reach& a : reaches[0])
    for (const Reach& b : reaches[1])
      for (const Reach& c : reaches[2]) {
        std::vector<int64_t> offsets, places;
        for (size_t p = 0; p < a.place.size(); ++p)
          for (size_t q = 0; q < b.place.size(); ++q)
            for (size_t r = 0; r < c.place.size(); ++r) {
              places.push_back((a.place[p] * s.kernel[1] + b.place[q]) * s.kernel[2] + c.place[r]);
              const int64_t offset = a.shift[p] * field.pitch[1] + b.shift[q] * field.pitch[2] + c.shift[r] * field.pitch[3];
              for (int64_t chunk = 0; chunk < chunks; ++chunk) offsets.push_back(offset + chunk * kTileDepth);
            }
        if (places.empty()) continue;
        const auto steps = static_cast<int64_t>(offsets.size()), taps = static_cast<int64_t>(places.size());
        const auto right = scratch(panels * steps * 2 * kTileBytes, at::kByte);
        char* tiles = static_cast<char*>(right.data_ptr());
        // By chunks of outputs, then positions: the weights of a chunk are read at once.
        at::parallel_for(0, chunks * taps, 1, [&](int64_t begin, int64_t end) {
          for (int64_t index = begin; index < end; ++index) {
            const int64_t chunk = index / taps, tap = index % taps, place = places[static_cast<size_t>(tap)];
            for (int64_t column = 0; column < panels * kBlock; column += kTileRows) {
              auto* tile = reinterpret_cast<Pair*>(tiles + ((column / kBlock * steps + tap * chunks + chunk) * 2 + column / kTileRows % 2) * kTileBytes);
              const Bf16* from = weights + chunk * kTileDepth * depth + place * s.inputs + column;
              for (int64_t k = 0; k < kTileRows; ++k, from += 2 * depth) kernels.interleave(from, from + depth, tile + k * kTileRows, kTileRows);
            }
          }
        });
        const Four pitch = wholePitch(s.in, s.inputs);
        const Places written{a.first * pitch[1] + b.first * pitch[2] + c.first * pitch[3], {pitch[0], s.stride[0] * pitch[1], s.stride[1] * pitch[2], s.stride[2] * pitch[3]}};
        const Places read{before[0] * field.pitch[1] + before[1] * field.pitch[2] + before[2] * field.pitch[3], field.pitch};
        gather({field.data, read, bits(dx), written, {s.batch, a.count, b.count, c.count}, offsets, tiles, s.inputs, nullptr});
      }
  return dx;
}

}  // namespace slicestack
