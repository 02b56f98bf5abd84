// The tile kernels in plain C++: for tests on processors without AMX.
#include <cstring>

#include "tile-kernels.h"

namespace slicestack {

namespace {

float widened(uint32_t bits) {
  float value;
  bits <<= 16;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
uint32_t rounded(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if (value != value) return 0x7fc0;
  return (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
}

TileState begin() { return {}; }
void end(const TileState&) {}

void multiply(const TileProduct& product, float* sum, int64_t pitch, bool add) {
  float total[kBlock][kBlock] = {};
  for (int64_t step = 0; step < product.steps; ++step)
    for (int64_t row = 0; row < kBlock; ++row) {
      const char* left = product.left[row / kTileRows] + product.leftStep[step] + (row % kTileRows) * product.leftPitch;
      for (int64_t k = 0; k < kTileDepth / 2; ++k) {
        Bf16 l[2];
        std::memcpy(l, left + 4 * k, sizeof l);
        const float even = widened(l[0]), odd = widened(l[1]);
        for (int64_t half = 0; half < 2; ++half) {
          Pair pairs[kTileRows];
          std::memcpy(pairs, product.right + step * product.rightStep + half * product.rightNext + k * product.rightPitch, sizeof pairs);
          for (int64_t c = 0; c < kTileRows; ++c) total[row][half * kTileRows + c] += even * widened(pairs[c] & 0xffff) + odd * widened(pairs[c] >> 16);
        }
      }
    }
  for (int64_t row = 0; row < kBlock; ++row)
    for (int64_t c = 0; c < kBlock; ++c) sum[row * pitch + c] = total[row][c] + (add ? sum[row * pitch + c] : 0);
}

void interleave(const Bf16* even, const Bf16* odd, Pair* pairs, int64_t count) {
  for (int64_t i = 0; i < count; ++i) pairs[i] = even[i] | Pair(odd[i]) << 16;
}
void transpose(const Bf16* rows, int64_t pitch, Pair* tile) {
  for (int64_t k = 0; k < kTileDepth / 2; ++k)
    for (int64_t c = 0; c < kTileRows; ++c) tile[c * kTileRows + k] = rows[2 * k * pitch + c] | Pair(rows[(2 * k + 1) * pitch + c]) << 16;
}
void transposePairs(const Bf16* rows, int64_t pitch, Pair* tile) {
  for (int64_t c = 0; c < kTileRows; ++c)
    for (int64_t k = 0; k < kTileDepth / 2; ++k) tile[k * kTileRows + c] = rows[c * pitch + 2 * k] | Pair(rows[c * pitch + 2 * k + 1]) << 16;
}
void store(const float* sum, const float* bias, Bf16* const* to, int64_t rows) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < kBlock; ++c) to[r][c] = static_cast<Bf16>(rounded(sum[r * kBlock + c] + (bias ? bias[c] : 0)));
}

}  // namespace

const TileKernels& portableKernels() {
  static constexpr TileKernels kernels{begin, end, multiply, interleave, transpose, transposePairs, store};
  return kernels;
}

}  // namespace slicestack
