// Sixteen values at a time, in the widest registers that the processor at hand has.
#pragma once
#include <cstdint>
#include <cstring>

// One function for each kind of processor, chosen when the addon is loaded.
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#define SLICESTACK_CLONES __attribute__((target_clones("avx512f", "avx2", "default"), optimize("O3")))
#else
#define SLICESTACK_CLONES
#endif
#define SLICESTACK_INLINE inline __attribute__((always_inline))

namespace slicestack {

/** The bits of a bfloat16. */
using Bf16 = uint16_t;

constexpr int64_t kLanes = 16;
using Floats = float __attribute__((vector_size(64)));
using Words = uint32_t __attribute__((vector_size(64)));
using Halves = uint16_t __attribute__((vector_size(32)));

SLICESTACK_INLINE void load(const float* from, Floats& to) { std::memcpy(&to, from, sizeof to); }
SLICESTACK_INLINE void store(const Floats& from, float* to) { std::memcpy(to, &from, sizeof from); }
SLICESTACK_INLINE void load(const Bf16* from, Floats& to) {
  Halves bits;
  std::memcpy(&bits, from, sizeof bits);
  to = reinterpret_cast<Floats>(__builtin_convertvector(bits, Words) << 16);
}
/** To the nearest, ties to even. */
SLICESTACK_INLINE void round(const Floats& from, Halves& to) {
  const Words bits = reinterpret_cast<Words>(from), rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  const auto number = reinterpret_cast<Words>(from == from);
  to = __builtin_convertvector((rounded & number) | (0x7fc0 & ~number), Halves);
}
SLICESTACK_INLINE void store(const Floats& from, Bf16* to) {
  Halves bits;
  round(from, bits);
  std::memcpy(to, &bits, sizeof bits);
}

}  // namespace slicestack
