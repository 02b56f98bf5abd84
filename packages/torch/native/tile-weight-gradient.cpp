// dweight = dy^T . (the inputs of each output): both sides are packed in parts that fit into the cache, and multiplied there.
// Sums are float32; the order of their parts depends on the number of threads, as the library's does.
#include "tile-convolution.h"

#include <algorithm>
#include <cstring>

namespace slicestack {

at::Tensor tileWeightGradient(const at::Tensor& dy, const at::Tensor& x, const ConvolutionSizes& s) {
  constexpr int64_t kRows = 512, kColumns = 512;  // of a part of the right matrix: half a megabyte
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
  // Each thread takes a part of the positions or of the columns, whichever are more; parts of positions are summed at the end.
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
    const TileState before = kernels.begin();
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
    kernels.end(before);
  });
  if (inPlace) return gradient.to(at::kBFloat16);
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
  return gradient.to(at::kBFloat16);
}

}  // namespace slicestack
