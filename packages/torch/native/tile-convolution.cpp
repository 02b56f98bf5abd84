// A convolution as products of matrices that are never written out whole: a row of the left one is what an output position sees.
// Memory is channels last throughout, so the values that a position sees stand in few runs: for each of the kernel's leading
// places the innermost places and all channels side by side. Sums are float32; their order depends on the number of threads alone.
#include "tile-convolution.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "tile-kernels.h"

namespace slicestack {

namespace {

using Three = ConvolutionSizes::Three;
using Four = std::array<int64_t, 4>;  // of item, first, second and last dimension

int64_t parts(int64_t whole, int64_t size) { return (whole + size - 1) / size; }
int64_t roundedUp(int64_t whole, int64_t size) { return parts(whole, size) * size; }
Bf16* bits(const at::Tensor& t) { return static_cast<Bf16*>(t.data_ptr()); }

at::Tensor scratch(int64_t count, at::ScalarType dtype) { return at::empty({count}, at::TensorOptions().dtype(dtype)); }

/** Values by item and position: (n, i, j, w) starts at n * pitch[0] + i * pitch[1] + j * pitch[2] + w * pitch[3]. */
struct Field {
  at::Tensor memory;
  Bf16* data;
  Four pitch;
};

/** x, channels last, with a margin of zeros around each item, and `past` zeros after all; x itself where none of it is asked for. */
Field framed(const at::Tensor& x, int64_t items, int64_t channels, const Three& size, const Three& before, const Three& after, int64_t past) {
  Three whole;
  bool same = past == 0;
  for (size_t k = 0; k < 3; ++k) {
    whole[k] = before[k] + size[k] + after[k];
    same = same && whole[k] == size[k];
  }
  const Four pitch{whole[0] * whole[1] * whole[2] * channels, whole[1] * whole[2] * channels, whole[2] * channels, channels};
  if (same) return {x, bits(x), pitch};
  const int64_t count = items * pitch[0];
  Field field{scratch(count + past, at::kBFloat16), nullptr, pitch};
  field.data = bits(field.memory);
  std::memset(field.data + count, 0, static_cast<size_t>(past) * sizeof(Bf16));
  const int64_t line = size[2] * channels, head = before[2] * channels, tail = after[2] * channels;
  at::parallel_for(0, items * whole[0] * whole[1], 64, [&](int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end; ++at) {
      const int64_t j = at % whole[1] - before[1], i = at / whole[1] % whole[0] - before[0], n = at / whole[1] / whole[0];
      Bf16* to = field.data + at * pitch[2];
      if (i < 0 || i >= size[0] || j < 0 || j >= size[1]) {
        std::memset(to, 0, static_cast<size_t>(pitch[2]) * sizeof(Bf16));
        continue;
      }
      std::memset(to, 0, static_cast<size_t>(head) * sizeof(Bf16));
      std::memcpy(to + head, bits(x) + ((n * size[0] + i) * size[1] + j) * line, static_cast<size_t>(line) * sizeof(Bf16));
      std::memset(to + head + line, 0, static_cast<size_t>(tail) * sizeof(Bf16));
    }
  });
  return field;
}

/** What a position sees, in the order of the weights: `length` values from `offset` on, which meet the weights from `weight` on. */
struct Run {
  int64_t offset, length, weight;
};

std::vector<Run> runsOf(const ConvolutionSizes& s, const Four& pitch) {
  std::vector<Run> runs;
  const bool whole = s.dilation[2] == 1;
  for (int64_t a = 0; a < s.kernel[0]; ++a)
    for (int64_t b = 0; b < s.kernel[1]; ++b)
      for (int64_t c = 0; c < (whole ? 1 : s.kernel[2]); ++c) {
        const int64_t offset = a * s.dilation[0] * pitch[1] + b * s.dilation[1] * pitch[2] + c * s.dilation[2] * pitch[3];
        runs.push_back({offset, (whole ? s.kernel[2] : 1) * s.inputs, ((a * s.kernel[1] + b) * s.kernel[2] + c) * s.inputs});
      }
  return runs;
}

/** Where positions (n, i, j, w) stand: start + n * pitch[0] + ... */
struct Places {
  int64_t start;
  Four pitch;
  int64_t at(const Four& p) const { return start + p[0] * pitch[0] + p[1] * pitch[1] + p[2] * pitch[2] + p[3] * pitch[3]; }
};

/** The position after p. */
void advance(Four& p, const Four& count) {
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
  int64_t columns;
  const float* bias;
};

/** Makes one of the last two dimensions where both sides stand in it without gaps. */
void join(Gather& g, size_t dim) {
  if (g.read.pitch[dim] != g.count[3] * g.read.pitch[3] || g.written.pitch[dim] != g.count[3] * g.written.pitch[3]) return;
  g.count[3] *= g.count[dim];
  g.count[dim] = 1;
}

/** Sixteen positions, or fewer at the end: where each reads and writes. */
struct Tile {
  int64_t rows = 0, read[kTileRows], written[kTileRows];
};

class GatherPlan {
 public:
  explicit GatherPlan(const Gather& g) : g(g) {
    lines = g.count[0] * g.count[1] * g.count[2];
    const int64_t inLine = parts(g.count[3], kTileRows);
    // A tile within a line is read where it stands; lines that would leave too many rows empty are copied together.
    direct = g.count[3] * 8 >= inLine * kTileRows * 7;
    tiles = direct ? lines * inLine : parts(lines * g.count[3], kTileRows);
  }

  Tile tile(int64_t index) const {
    const int64_t w = g.count[3], inLine = parts(w, kTileRows);
    const int64_t line = direct ? index / inLine : index * kTileRows / w, first = direct ? index % inLine * kTileRows : index * kTileRows % w;
    Four p{line / g.count[2] / g.count[1], line / g.count[2] % g.count[1], line % g.count[2], first};
    Tile tile;
    tile.rows = std::min(kTileRows, direct ? w - first : lines * w - index * kTileRows);
    for (int64_t r = 0; r < tile.rows; ++r, advance(p, g.count)) {
      tile.read[r] = g.read.at(p);
      tile.written[r] = g.written.at(p);
    }
    return tile;
  }

  const Gather& g;
  bool direct;
  int64_t lines, tiles;
};

constexpr int64_t kCache = 5 << 18;  // bytes that a thread reads again and again: they stay in its second cache

void run(Gather g) {
  join(g, 2);
  if (g.count[2] == 1) join(g, 1);
  if (g.count[2] == 1 && g.count[1] == 1) join(g, 0);
  const GatherPlan plan(g);
  const auto& kernels = tileKernels();
  const auto steps = static_cast<int64_t>(g.steps.size());
  const int64_t blocks = parts(plan.tiles, 2), panels = parts(g.columns, kBlock), threads = at::get_num_threads();
  const int64_t shares = blocks >= threads ? 1 : std::min(panels, parts(threads, std::max<int64_t>(1, blocks)));  // of the columns
  const int64_t rowBytes = steps * kTileDepth * 2 + 64;  // not a power of two, which would crowd the cache
  const int64_t together = std::clamp<int64_t>(kCache / (rowBytes * kBlock), 1, 32);
  std::vector<int64_t> offsets(g.steps.size());
  for (size_t k = 0; k < offsets.size(); ++k) offsets[k] = plan.direct ? g.steps[k] * 2 : static_cast<int64_t>(k) * 64;

  at::parallel_for(0, blocks * shares, 1, [&](int64_t begin, int64_t end) {
    const auto copied = scratch(plan.direct ? 0 : together * kBlock * rowBytes, at::kByte);
    char* copy = static_cast<char*>(copied.data_ptr());
    std::vector<Tile> tiles(static_cast<size_t>(2 * together));
    alignas(64) float sum[kBlock * kBlock];
    kernels.begin();
    for (int64_t first = begin; first < end;) {
      const int64_t share = first / blocks, block = first % blocks;
      const int64_t here = std::min({together, end - first, blocks - block});
      for (int64_t t = 0; t < 2 * here; ++t) {
        Tile& tile = tiles[static_cast<size_t>(t)];
        tile = 2 * block + t < plan.tiles ? plan.tile(2 * block + t) : Tile{};
        if (plan.direct) continue;
        for (int64_t r = 0; r < tile.rows; ++r)
          for (int64_t k = 0, next; k < steps; k = next) {
            for (next = k + 1; next < steps && g.steps[size_t(next)] == g.steps[size_t(next - 1)] + kTileDepth;) ++next;
            std::memcpy(copy + (t * kTileRows + r) * rowBytes + k * 64, g.from + tile.read[r] + g.steps[size_t(k)], static_cast<size_t>(next - k) * 64);
          }
      }
      for (int64_t panel = panels * share / shares; panel < panels * (share + 1) / shares; ++panel) {
        const int64_t column = panel * kBlock, columns = std::min(kBlock, g.columns - column);
        for (int64_t b = 0; b < here; ++b) {
          TileProduct product{{}, plan.direct ? g.read.pitch[3] * 2 : rowBytes, offsets.data(), g.right + panel * steps * 2 * kTileBytes, 64, kTileBytes, 2 * kTileBytes, steps};
          for (size_t half = 0; half < 2; ++half) {
            const Tile& tile = tiles[static_cast<size_t>(2 * b) + half];
            product.left[half] = !plan.direct    ? copy + (2 * b + static_cast<int64_t>(half)) * kTileRows * rowBytes
                                 : tile.rows > 0 ? reinterpret_cast<const char*>(g.from + tile.read[0])
                                                 : product.left[0];
          }
          kernels.multiply(product, sum, kBlock, /*add=*/false);
          for (int64_t half = 0; half < 2; ++half) {
            const Tile& tile = tiles[static_cast<size_t>(2 * b + half)];
            Bf16* rows[kTileRows];
            for (int64_t r = 0; r < tile.rows; ++r) rows[r] = g.to + tile.written[r] + column;
            kernels.store(sum + half * kTileRows * kBlock, g.bias ? g.bias + column : nullptr, rows, tile.rows, columns);
          }
        }
      }
      first += here;
    }
    kernels.end();
  });
}

/** Sixteen rows of 32 floats, zeros where the weights end. */
struct Edge {
  float values[kTileRows * kTileDepth] = {};
  const float* take(const float* from, int64_t pitch, int64_t rows, int64_t columns) {
    for (int64_t r = 0; r < rows; ++r) std::memcpy(values + r * kTileDepth, from + r * pitch, static_cast<size_t>(columns) * sizeof(float));
    return values;
  }
};

Four wholePitch(const Three& size, int64_t channels) { return {size[0] * size[1] * size[2] * channels, size[1] * size[2] * channels, size[2] * channels, channels}; }

}  // namespace

ConvolutionSizes ConvolutionSizes::of(at::IntArrayRef x, at::IntArrayRef weight, at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation) {
  ConvolutionSizes s{x[0], x[1], weight[0], {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}};
  const size_t dims = stride.size();
  for (size_t k = 0; k < dims; ++k) {
    const size_t to = 3 - dims + k;
    s.in[to] = x[k + 2];
    s.kernel[to] = weight[k + 2];
    s.stride[to] = stride[k];
    s.padding[to] = padding[k];
    s.dilation[to] = dilation[k];
    s.out[to] = (s.in[to] + 2 * s.padding[to] - s.dilation[to] * (s.kernel[to] - 1) - 1) / s.stride[to] + 1;
  }
  return s;
}

at::MemoryFormat channelsLast(const at::Tensor& x) { return x.dim() == 5 ? at::MemoryFormat::ChannelsLast3d : at::MemoryFormat::ChannelsLast; }

namespace {

at::Tensor likeConvolution(const at::Tensor& x, int64_t channels, const Three& size, at::ScalarType dtype) {
  std::vector<int64_t> shape{x.size(0), channels};
  for (size_t k = 5 - static_cast<size_t>(x.dim()); k < 3; ++k) shape.push_back(size[k]);
  return at::empty(shape, x.options().dtype(dtype).memory_format(channelsLast(x)));
}
at::Tensor floats(const at::Tensor& weight) { return weight.to(at::kFloat).contiguous(channelsLast(weight)); }
at::Tensor halves(const at::Tensor& x) { return x.to(at::kBFloat16).contiguous(channelsLast(x)); }

/** How far tiles of `lines` positions may read past the end of what has `channels`: incomplete tiles and incomplete steps do. */
int64_t readsPast(const ConvolutionSizes& s, int64_t line, int64_t channels, int64_t step) {
  const bool pointwise = s.taps() == 1 && s.stride == Three{1, 1, 1} && s.padding == Three{0, 0, 0};  // its lines are joined
  const bool complete = channels % kTileDepth == 0 && (pointwise ? s.positions() : line) % kTileRows == 0;
  return complete ? 0 : kTileRows * step * channels + kTileDepth;
}

Places readBy(const ConvolutionSizes& s, const Four& pitch) { return {0, {pitch[0], s.stride[0] * pitch[1], s.stride[1] * pitch[2], s.stride[2] * pitch[3]}}; }

}  // namespace

at::Tensor tileForward(const at::Tensor& given, const at::Tensor& givenWeight, const at::Tensor& givenBias, const ConvolutionSizes& s) {
  const auto x = halves(given), weight = floats(givenWeight), bias = givenBias.defined() ? givenBias.to(at::kFloat).contiguous() : at::Tensor();
  const auto field = framed(x, s.batch, s.inputs, s.in, s.padding, s.padding, readsPast(s, s.out[2], s.inputs, s.stride[2]));
  struct Step {
    int64_t weight, length;
  };
  std::vector<int64_t> offsets;
  std::vector<Step> steps;
  for (const Run& each : runsOf(s, field.pitch))
    for (int64_t at = 0; at < each.length; at += kTileDepth) {
      offsets.push_back(each.offset + at);
      steps.push_back({each.weight + at, std::min(kTileDepth, each.length - at)});
    }
  const auto count = static_cast<int64_t>(steps.size());
  const int64_t panels = parts(s.outputs, kBlock), depth = s.taps() * s.inputs;
  const auto right = scratch(panels * count * 2 * kTileBytes, at::kByte);
  char* tiles = static_cast<char*>(right.data_ptr());
  const auto* weights = weight.data_ptr<float>();
  const auto& kernels = tileKernels();
  at::parallel_for(0, panels * count, 8, [&](int64_t begin, int64_t end) {
    for (int64_t index = begin; index < end; ++index) {
      const Step& step = steps[static_cast<size_t>(index % count)];
      for (int64_t half = 0; half < 2; ++half) {
        const int64_t output = index / count * kBlock + half * kTileRows, rows = std::clamp<int64_t>(s.outputs - output, 0, kTileRows);
        const float* from = weights + output * depth + step.weight;
        auto* tile = reinterpret_cast<Pair*>(tiles + (2 * index + half) * kTileBytes);
        if (rows == kTileRows && step.length == kTileDepth) kernels.transposeFloats(from, depth, tile);
        else kernels.transposeFloats(Edge().take(from, depth, rows, step.length), kTileDepth, tile);
      }
    }
  });
  auto y = likeConvolution(x, s.outputs, s.out, at::kBFloat16);
  run({field.data, readBy(s, field.pitch), bits(y), {0, wholePitch(s.out, s.outputs)}, {s.batch, s.out[0], s.out[1], s.out[2]}, offsets, tiles, s.outputs,
       bias.defined() ? bias.data_ptr<float>() : nullptr});
  return y;
}

bool hasTileInputGradient(const ConvolutionSizes& s) {
  for (size_t k = 0; k < 3; ++k)
    if ((s.stride[k] > 1 && s.dilation[k] > 1) || s.padding[k] > s.dilation[k] * (s.kernel[k] - 1)) return false;
  return true;
}

namespace {

/** The outputs that inputs at `first`, first + stride, ... take part in: by the places of the kernel, output = input / stride + shift. */
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

at::Tensor tileInputGradient(const at::Tensor& given, const at::Tensor& givenWeight, const at::Tensor& like, const ConvolutionSizes& s) {
  const auto dy = halves(given), weight = floats(givenWeight);
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
  auto dx = likeConvolution(like, s.inputs, s.in, at::kBFloat16);
  if (!whole) dx.zero_();  // some inputs take part in no output
  const auto field = framed(dy, s.batch, s.outputs, s.out, before, after, readsPast(s, s.in[2] % s.stride[2] == 0 ? s.in[2] / s.stride[2] : 1, s.outputs, 1));
  const auto& kernels = tileKernels();
  const auto* weights = weight.data_ptr<float>();
  const int64_t chunks = parts(s.outputs, kTileDepth), panels = parts(s.inputs, kBlock), depth = s.taps() * s.inputs;

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
        // By chunks of outputs, then places: a chunk's weights are read in one go.
        at::parallel_for(0, chunks * taps, 1, [&](int64_t begin, int64_t end) {
          const std::vector<float> zeros(static_cast<size_t>(kTileRows));
          for (int64_t index = begin; index < end; ++index) {
            const int64_t chunk = index / taps, tap = index % taps, place = places[static_cast<size_t>(tap)];
            for (int64_t column = 0; column < panels * kBlock; column += kTileRows) {
              auto* tile = reinterpret_cast<Pair*>(tiles + ((column / kBlock * steps + tap * chunks + chunk) * 2 + column / kTileRows % 2) * kTileBytes);
              const int64_t width = std::clamp<int64_t>(s.inputs - column, 0, kTileRows);
              if (width < kTileRows) std::memset(tile, 0, kTileBytes);
              const auto row = [&](int64_t output) { return output < s.outputs ? weights + output * depth + place * s.inputs + column : zeros.data(); };
              for (int64_t k = 0; k < kTileRows; ++k) kernels.interleaveFloats(row(chunk * kTileDepth + 2 * k), row(chunk * kTileDepth + 2 * k + 1), tile + k * kTileRows, width);
            }
          }
        });
        const Four pitch = wholePitch(s.in, s.inputs);
        const Places written{a.first * pitch[1] + b.first * pitch[2] + c.first * pitch[3], {pitch[0], s.stride[0] * pitch[1], s.stride[1] * pitch[2], s.stride[2] * pitch[3]}};
        const Places read{before[0] * field.pitch[1] + before[1] * field.pitch[2] + before[2] * field.pitch[3], field.pitch};
        run({field.data, read, bits(dx), written, {s.batch, a.count, b.count, c.count}, offsets, tiles, s.inputs, nullptr});
      }
  return dx;
}

at::Tensor tileWeightGradient(const at::Tensor& given, const at::Tensor& givenX, const ConvolutionSizes& s) {
  constexpr int64_t kRows = 512, kColumns = 512;  // of a part of the right matrix: half a megabyte
  const auto dy = halves(given), x = halves(givenX);
  const auto field = framed(x, s.batch, s.inputs, s.in, s.padding, s.padding, /*past=*/0);
  const Places read = readBy(s, field.pitch);
  struct Columns {
    Run run;
    int64_t first, end;
  };
  std::vector<Columns> runs;
  int64_t width = 0;
  for (const Run& each : runsOf(s, field.pitch)) {
    runs.push_back({each, width, width + each.length});
    width += roundedUp(each.length, kTileRows);
  }
  width = roundedUp(width, kBlock);
  const int64_t depth = s.taps() * s.inputs, height = roundedUp(s.outputs, kBlock), positions = s.positions(), threads = at::get_num_threads();
  // Each thread takes a part of the positions or of the columns, whichever are more; parts of positions are added up at the end.
  const int64_t most = parts(positions, kRows), blocks = width / kBlock;
  const int64_t columnShares = positions < width ? std::min(threads, blocks) : std::min(blocks, parts(threads, std::min(threads, most)));
  const int64_t shares = std::min(most, parts(threads, columnShares));
  const bool inPlace = shares == 1 && width == depth && height == s.outputs;
  std::vector<int64_t> shape{s.outputs, s.inputs};
  for (size_t k = 5 - static_cast<size_t>(x.dim()); k < 3; ++k) shape.push_back(s.kernel[k]);
  auto gradient = at::empty(shape, x.options().dtype(at::kFloat).memory_format(channelsLast(x)));
  const auto sums = inPlace ? gradient : scratch(shares * height * width, at::kFloat);
  auto* sum = sums.data_ptr<float>();
  const auto& kernels = tileKernels();
  const auto* outputs = bits(dy);
  const Four count{s.batch, s.out[0], s.out[1], s.out[2]};

  at::parallel_for(0, shares * columnShares, 1, [&](int64_t begin, int64_t end) {
    const int64_t most = std::min(kRows, roundedUp(positions, kTileDepth));
    const int64_t pitch = std::min(kColumns, width) + kTileRows;  // pairs from row to row
    const auto leftMemory = scratch(height * most * 2, at::kByte), rightMemory = scratch(most / 2 * pitch * 4, at::kByte);
    auto* left = static_cast<char*>(leftMemory.data_ptr());
    auto* right = static_cast<Pair*>(rightMemory.data_ptr());
    std::vector<int64_t> offsets(static_cast<size_t>(most / kTileDepth));
    for (size_t k = 0; k < offsets.size(); ++k) offsets[k] = static_cast<int64_t>(k) * kTileBytes;
    std::vector<const Bf16*> seen(static_cast<size_t>(kRows));
    kernels.begin();
    for (int64_t task = begin; task < end; ++task) {
      const int64_t share = task % shares, columnShare = task / shares;
      const int64_t firstColumn = blocks * columnShare / columnShares * kBlock, endColumn = blocks * (columnShare + 1) / columnShares * kBlock;
      const int64_t endRow = std::min(positions, parts(positions, kRows) * (share + 1) / shares * kRows);
      const int64_t firstRow = parts(positions, kRows) * share / shares * kRows;
      for (int64_t row = firstRow; row < endRow; row += kRows) {
        const int64_t rows = std::min(kRows, endRow - row), steps = parts(rows, kTileDepth);
        for (int64_t tile = 0; tile < height / kTileRows; ++tile)
          for (int64_t step = 0; step < steps; ++step) {
            const int64_t there = std::min(kTileDepth, rows - step * kTileDepth), columns = std::clamp<int64_t>(s.outputs - tile * kTileRows, 0, kTileRows);
            const Bf16* from = outputs + (row + step * kTileDepth) * s.outputs + tile * kTileRows;
            auto* to = reinterpret_cast<Pair*>(left + (tile * steps + step) * kTileBytes);
            if (there == kTileDepth && columns == kTileRows) {
              kernels.transpose(from, s.outputs, to);
              continue;
            }
            Bf16 edge[kTileDepth * kTileRows] = {};
            for (int64_t r = 0; r < there; ++r) std::memcpy(edge + r * kTileRows, from + r * s.outputs, static_cast<size_t>(columns) * sizeof(Bf16));
            kernels.transpose(edge, kTileRows, to);
          }
        Four p{row / s.out[2] / s.out[1] / s.out[0], row / s.out[2] / s.out[1] % s.out[0], row / s.out[2] % s.out[1], row % s.out[2]};
        for (int64_t r = 0; r < rows; ++r, advance(p, count)) seen[static_cast<size_t>(r)] = field.data + read.at(p);
        for (int64_t column = firstColumn; column < endColumn; column += kColumns) {
          const int64_t last = std::min(endColumn, column + kColumns);
          for (int64_t pair = 0; pair < steps * kTileDepth / 2; ++pair) {
            Pair* to = right + pair * pitch;
            if (2 * pair + 1 >= rows) std::memset(to, 0, static_cast<size_t>(last - column) * sizeof(Pair));
            if (2 * pair >= rows) continue;
            const Bf16 *even = seen[static_cast<size_t>(2 * pair)], *odd = 2 * pair + 1 < rows ? seen[static_cast<size_t>(2 * pair + 1)] : nullptr;
            for (const Columns& each : runs) {
              const int64_t from = std::max(column, each.first), until = std::min(last, each.end);
              if (from >= until) continue;
              const int64_t offset = each.run.offset + from - each.first;
              if (odd) kernels.interleave(even + offset, odd + offset, to + from - column, until - from);
              else for (int64_t k = 0; k < until - from; ++k) to[from - column + k] = even[offset + k];
            }
          }
          for (int64_t c = column; c < last; c += kBlock)
            for (int64_t r = 0; r < height; r += kBlock) {
              const char* tiles = left + r / kTileRows * steps * kTileBytes;
              const TileProduct product{{tiles, tiles + steps * kTileBytes}, 64, offsets.data(), reinterpret_cast<const char*>(right + c - column), pitch * 4, 64, pitch * 4 * kTileRows, steps};
              kernels.multiply(product, sum + (share * height + r) * width + c, width, /*add=*/row > firstRow);
            }
        }
      }
    }
    kernels.end();
  });
  if (inPlace) return gradient;
  auto* to = gradient.data_ptr<float>();
  at::parallel_for(0, s.outputs, 1, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r)
      for (const Columns& each : runs) {
        float* values = to + r * depth + each.run.weight;
        for (int64_t share = 0; share < shares; ++share) {
          const float* part = sum + (share * height + r) * width + each.first;
          for (int64_t k = 0; k < each.run.length; ++k) values[k] = share == 0 ? part[k] : values[k] + part[k];
        }
      }
  });
  return gradient;
}

}  // namespace slicestack
