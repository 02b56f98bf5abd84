// Products of small blocks of bfloat16, summed in float32, and the packing that they need: what tile-convolution.cpp is made of.
// With AMX (Intel, from Sapphire Rapids on) a product is a few instructions. Elsewhere plain loops do the same, slowly, so that
// the rest can be tested anywhere; nothing chooses them for speed.
#pragma once
#include <cstdint>

namespace slicestack {

/** The bits of a bfloat16. */
using Bf16 = uint16_t;
/** Two bfloat16 side by side, the first in the low half: what the unit multiplies at a time. */
using Pair = uint32_t;

constexpr int64_t kTileRows = 16;   // rows of a tile; also the columns of a result
constexpr int64_t kTileDepth = 32;  // bfloat16 in a row of a left tile: the depth of one step
constexpr int64_t kBlock = 32;      // rows and columns of a product: 2 x 2 tiles
constexpr int64_t kTileBytes = 1024;

/**
 * sum[32][32] (+)= left[32][32 * steps] . right[32 * steps][32].
 * A left tile is 16 rows of 32 bfloat16. A right tile is 16 rows of 16 pairs: row k holds the values of depth 2k and 2k + 1.
 */
struct TileProduct {
  const char* left[2];      // rows 0..15 and 16..31
  int64_t leftPitch;        // bytes from row to row
  const int64_t* leftStep;  // of each step: bytes from `left` to its tile
  const char* right;
  int64_t rightPitch;  // bytes from row to row
  int64_t rightNext;   // bytes from columns 0..15 to 16..31
  int64_t rightStep;   // bytes from step to step
  int64_t steps;
};

/** How the tile unit of this thread was set up before us: another library may count on it. */
struct TileState {
  alignas(64) char config[64];
};

struct TileKernels {
  /** A thread calls `begin` before its first product and `end`, with what it was given, after its last; no other library may compute between. */
  TileState (*begin)();
  void (*end)(const TileState& before);
  /** @param pitch floats from row to row of `sum` */
  void (*multiply)(const TileProduct& product, float* sum, int64_t pitch, bool add);
  /** pairs[i] = (even[i], odd[i]) */
  void (*interleave)(const Bf16* even, const Bf16* odd, Pair* pairs, int64_t count);
  /** 32 rows of 16 columns become a left tile: row c holds column c. @param pitch bfloat16 from row to row */
  void (*transpose)(const Bf16* rows, int64_t pitch, Pair* tile);
  /** 16 rows of 32 columns become a right tile: row k holds columns 2k and 2k + 1. @param pitch bfloat16 from row to row */
  void (*transposePairs)(const Bf16* rows, int64_t pitch, Pair* tile);
  /** to[r][c] = sum[r][c] + bias[c], rounded to nearest, ties to even; 32 columns; `bias` may be null. */
  void (*store)(const float* sum, const float* bias, Bf16* const* to, int64_t rows);
};

/** Those of AMX; null where this processor or system has none. */
const TileKernels* amxKernels();
const TileKernels& portableKernels();
/** The fastest that this processor has. */
inline const TileKernels& tileKernels() {
  const TileKernels* fast = amxKernels();
  return fast ? *fast : portableKernels();
}

}  // namespace slicestack
