// Memory is channels last throughout, so the values for an output position are in few contiguous runs: for each of the kernel's leading
// positions, the innermost positions and all channels side by side. They are multiplied without copying.
#include "tile-gather.h"

#include <algorithm>
#include <cstring>

namespace slicestack {

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

namespace {

/** Merges the last two dimensions if both sides are contiguous in them. */
void join(Gather& g, size_t dim) {
  if (g.read.pitch[dim] != g.count[3] * g.read.pitch[3] || g.written.pitch[dim] != g.count[3] * g.written.pitch[3]) return;
  g.count[3] *= g.count[dim];
  g.count[dim] = 1;
}

/** Sixteen positions, or fewer at the end, with the addresses that each reads and writes. */
struct Tile {
  int64_t rows = 0, read[kTileRows], written[kTileRows];
};

class GatherPlan {
 public:
  explicit GatherPlan(const Gather& g) : g(g) {
    lines = g.count[0] * g.count[1] * g.count[2];
    const int64_t inLine = parts(g.count[3], kTileRows);
    // A tile within a line is read in place; lines that would leave too many rows empty are copied together.
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

constexpr int64_t kCache = 5 << 18;  // bytes that a thread reads repeatedly, which stay in its second-level cache

}  // namespace

void gather(Gather g) {
  join(g, 2);
  if (g.count[2] == 1) join(g, 1);
  if (g.count[2] == 1 && g.count[1] == 1) join(g, 0);
  const GatherPlan plan(g);
  const auto& kernels = tileKernels();
  const auto steps = static_cast<int64_t>(g.steps.size());
  const int64_t blocks = parts(plan.tiles, 2), panels = g.columns / kBlock, threads = at::get_num_threads();
  const int64_t shares = blocks >= threads ? 1 : std::min(panels, parts(threads, std::max<int64_t>(1, blocks)));  // of the columns
  const int64_t rowBytes = steps * kTileDepth * 2 + 64;  // not a power of two, which would cause cache conflicts
  const int64_t together = std::clamp<int64_t>(kCache / (rowBytes * kBlock), 1, 32);
  std::vector<int64_t> offsets(g.steps.size());
  for (size_t k = 0; k < offsets.size(); ++k) offsets[k] = plan.direct ? g.steps[k] * 2 : static_cast<int64_t>(k) * 64;

  at::parallel_for(0, blocks * shares, 1, [&](int64_t begin, int64_t end) {
    const auto copied = scratch(plan.direct ? 0 : together * kBlock * rowBytes, at::kByte);
    char* copy = static_cast<char*>(copied.data_ptr());
    std::vector<Tile> tiles(static_cast<size_t>(2 * together));
    alignas(64) float sum[kBlock * kBlock];
    const TileState before = kernels.begin();
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
        const int64_t column = panel * kBlock;
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
            kernels.store(sum + half * kTileRows * kBlock, g.bias ? g.bias + column : nullptr, rows, tile.rows);
          }
        }
      }
      first += here;
    }
    kernels.end(before);
  });
}

}  // namespace slicestack
