// The tile kernels in AMX and AVX-512. Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapter 18.
#include "tile-kernels.h"

#if defined(__x86_64__) && defined(__linux__) && ((defined(__clang__) && __clang_major__ >= 12) || (!defined(__clang__) && __GNUC__ >= 11))
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

// GCC 12 warns about its own header, where "undefined" registers are intended.
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#define SLICESTACK_AMX __attribute__((target("amx-tile,amx-bf16,avx512f,avx512bw,avx512vl,avx512bf16")))

namespace slicestack {

namespace {

struct TileConfig {
  uint8_t palette, startRow, reserved[14];
  uint16_t rowBytes[16];
  uint8_t rows[16];
};
// Static, because compilers only know of the first bytes that the instruction reads.
alignas(64) constexpr TileConfig kEightTiles{1, 0, {}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};

SLICESTACK_AMX TileState begin() {
  TileState before;
  _tile_storeconfig(before.config);
  _tile_loadconfig(&kEightTiles);
  return before;
}
SLICESTACK_AMX void end(const TileState& before) {
  const bool unused = before.config[0] == 0;  // the palette
  if (unused) _tile_release();
  else _tile_loadconfig(before.config);
}

// Tiles 0..3 are the sums, 4 and 5 the left, 6 and 7 the right.
SLICESTACK_AMX void multiply(const TileProduct& product, float* sum, int64_t pitch, bool add) {
  float* lower = sum + kTileRows * pitch;
  const int64_t sumPitch = pitch * 4;
  if (add) {
    _tile_loadd(0, sum, sumPitch);
    _tile_loadd(1, sum + kTileRows, sumPitch);
    _tile_loadd(2, lower, sumPitch);
    _tile_loadd(3, lower + kTileRows, sumPitch);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  const char* right = product.right;
  for (int64_t step = 0; step < product.steps; ++step, right += product.rightStep) {
    const int64_t offset = product.leftStep[step];
    _tile_loadd(4, product.left[0] + offset, product.leftPitch);
    _tile_loadd(6, right, product.rightPitch);
    _tile_loadd(7, right + product.rightNext, product.rightPitch);
    _tile_loadd(5, product.left[1] + offset, product.leftPitch);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, sum, sumPitch);
  _tile_stored(1, sum + kTileRows, sumPitch);
  _tile_stored(2, lower, sumPitch);
  _tile_stored(3, lower + kTileRows, sumPitch);
}

SLICESTACK_AMX inline __m512i joined(__m256i even, __m256i odd) {
  return _mm512_or_si512(_mm512_cvtepu16_epi32(even), _mm512_slli_epi32(_mm512_cvtepu16_epi32(odd), 16));
}
SLICESTACK_AMX inline __mmask16 firstOf(int64_t count) { return count >= 16 ? 0xffff : static_cast<__mmask16>((1u << count) - 1); }

SLICESTACK_AMX void interleave(const Bf16* even, const Bf16* odd, Pair* pairs, int64_t count) {
  for (int64_t i = 0; i < count; i += 16) {
    const __mmask16 mask = firstOf(count - i);
    _mm512_mask_storeu_epi32(pairs + i, mask, joined(_mm256_maskz_loadu_epi16(mask, even + i), _mm256_maskz_loadu_epi16(mask, odd + i)));
  }
}

/** Transposes 16 x 16 pairs in place: by twos, by fours, then by quarters of a register. */
SLICESTACK_AMX inline void transposed(__m512i r[16]) {
  __m512i t[16];
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
  }
  for (int i = 0; i < 8; ++i) {
    r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
  }
}

SLICESTACK_AMX void transpose(const Bf16* rows, int64_t pitch, Pair* tile) {
  __m512i r[16];
  for (int k = 0; k < 16; ++k)
    r[k] = joined(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows + 2 * k * pitch)), _mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows + (2 * k + 1) * pitch)));
  transposed(r);
  for (int c = 0; c < 16; ++c) _mm512_storeu_si512(tile + c * 16, r[c]);
}
SLICESTACK_AMX void transposePairs(const Bf16* rows, int64_t pitch, Pair* tile) {
  __m512i r[16];
  for (int c = 0; c < 16; ++c) r[c] = _mm512_loadu_si512(rows + c * pitch);
  transposed(r);
  for (int k = 0; k < 16; ++k) _mm512_storeu_si512(tile + k * 16, r[k]);
}

SLICESTACK_AMX void store(const float* sum, const float* bias, Bf16* const* to, int64_t rows) {
  const __m512 low = bias ? _mm512_loadu_ps(bias) : _mm512_setzero_ps(), high = bias ? _mm512_loadu_ps(bias + 16) : _mm512_setzero_ps();
  for (int64_t r = 0; r < rows; ++r) {
    const __m512 first = _mm512_add_ps(_mm512_loadu_ps(sum + r * kBlock), low), second = _mm512_add_ps(_mm512_loadu_ps(sum + r * kBlock + 16), high);
    _mm512_storeu_si512(to[r], (__m512i)_mm512_cvtne2ps_pbh(second, first));
  }
}

/** Whether processor and system support everything above; requests the tiles from Linux, which only grants them on request. */
bool usable() {
  unsigned a, b, c, d;
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512bf16")) return false;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d >> 24 & 1) || !(d >> 22 & 1)) return false;  // AMX-TILE, AMX-BF16
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

}  // namespace

const TileKernels* amxKernels() {
  static constexpr TileKernels kernels{begin, end, multiply, interleave, transpose, transposePairs, store};
  static const bool found = usable();
  return found ? &kernels : nullptr;
}

}  // namespace slicestack

#else

namespace slicestack {
const TileKernels* amxKernels() { return nullptr; }
}  // namespace slicestack

#endif
