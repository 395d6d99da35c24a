/*
 * SHA-256 (FIPS 180-4) of many messages side by side: one in each 32-bit lane of the vector registers, 16 with AVX-512, 8 with
 * AVX2. A message takes a lane until it ends, then the next one takes it. Needs no library; build.sh makes the prebuilt file.
 */
#include <immintrin.h>
#include <stdint.h>

/* Whole blocks of one message: taken into the eight words of its state. Changed as far as they were. */
struct job {
  uint32_t *state;
  const uint8_t *data;
  uint64_t blocks;
};

static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

#define EXPORT __attribute__((visibility("default")))
#define WIDE __attribute__((target("avx512f,avx512bw")))
#define NARROW __attribute__((target("avx2")))
#define ALWAYS __attribute__((always_inline)) static inline

typedef uint32_t wide __attribute__((vector_size(64)));
typedef uint32_t narrow __attribute__((vector_size(32)));

/* The next block of each lane, as 16 words of all lanes in the processor's byte order. */
WIDE ALWAYS void load_wide(const uint8_t *const data[16], wide w[16]) {
  const __m512i swap = _mm512_set4_epi32(0x0c0d0e0f, 0x08090a0b, 0x04050607, 0x00010203);
  __m512i r[16], t[16];
  for (int i = 0; i < 16; i++) r[i] = _mm512_shuffle_epi8(_mm512_loadu_si512(data[i]), swap);
  for (int i = 0; i < 8; i++) {
    t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
  }
  for (int i = 0; i < 4; i++) {
    r[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
    r[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
    r[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
    r[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
  }
  for (int j = 0; j < 4; j++) {
    const __m512i low = _mm512_shuffle_i32x4(r[j], r[4 + j], 0x88), high = _mm512_shuffle_i32x4(r[j], r[4 + j], 0xdd);
    const __m512i low2 = _mm512_shuffle_i32x4(r[8 + j], r[12 + j], 0x88), high2 = _mm512_shuffle_i32x4(r[8 + j], r[12 + j], 0xdd);
    w[j] = (wide)_mm512_shuffle_i32x4(low, low2, 0x88);
    w[8 + j] = (wide)_mm512_shuffle_i32x4(low, low2, 0xdd);
    w[4 + j] = (wide)_mm512_shuffle_i32x4(high, high2, 0x88);
    w[12 + j] = (wide)_mm512_shuffle_i32x4(high, high2, 0xdd);
  }
}

NARROW ALWAYS void load_narrow(const uint8_t *const data[8], narrow w[16]) {
  const __m256i swap = _mm256_set_epi32(0x0c0d0e0f, 0x08090a0b, 0x04050607, 0x00010203, 0x0c0d0e0f, 0x08090a0b, 0x04050607, 0x00010203);
  for (int half = 0; half < 2; half++) {
    __m256i r[8], t[8];
    for (int i = 0; i < 8; i++) r[i] = _mm256_shuffle_epi8(_mm256_loadu_si256((const __m256i *)(data[i] + 32 * half)), swap);
    for (int i = 0; i < 4; i++) {
      t[2 * i] = _mm256_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
      t[2 * i + 1] = _mm256_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
    }
    for (int i = 0; i < 2; i++) {
      r[4 * i] = _mm256_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
      r[4 * i + 1] = _mm256_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
      r[4 * i + 2] = _mm256_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
      r[4 * i + 3] = _mm256_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
    }
    for (int j = 0; j < 4; j++) {
      w[8 * half + j] = (narrow)_mm256_permute2x128_si256(r[j], r[4 + j], 0x20);
      w[8 * half + 4 + j] = (narrow)_mm256_permute2x128_si256(r[j], r[4 + j], 0x31);
    }
  }
}

#define TURN(x, n) (((x) >> (n)) | ((x) << (32 - (n))))

#define COMPRESS(state, w)                                                                                                     \
  do {                                                                                                                         \
    __typeof__((w)[0]) a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6],       \
                       h = state[7];                                                                                           \
    _Pragma("GCC unroll 64") for (int t = 0; t < 64; t++) {                                                                    \
      if (t >= 16) {                                                                                                           \
        const __typeof__(a) early = w[(t - 15) & 15], late = w[(t - 2) & 15];                                                  \
        w[t & 15] += (TURN(early, 7) ^ TURN(early, 18) ^ (early >> 3)) + w[(t - 7) & 15] +                                     \
                     (TURN(late, 17) ^ TURN(late, 19) ^ (late >> 10));                                                         \
      }                                                                                                                        \
      const __typeof__(a) first = h + (TURN(e, 6) ^ TURN(e, 11) ^ TURN(e, 25)) + ((e & f) ^ (~e & g)) + K[t] + w[t & 15];      \
      const __typeof__(a) second = (TURN(a, 2) ^ TURN(a, 13) ^ TURN(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));                   \
      h = g, g = f, f = e, e = d + first, d = c, c = b, b = a, a = first + second;                                             \
    }                                                                                                                          \
    state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e, state[5] += f, state[6] += g, state[7] += h;    \
  } while (0)

/*
 * Takes jobs in their order until fewer than `least` lanes are busy and none waits: one message at a time is faster then, which
 * is up to the caller. An idle lane hashes what a busy one does, into nothing.
 */
#define RUN(name, lanes, vector, load, where)                                                                                  \
  where EXPORT void name(struct job *jobs, uint64_t count, uint64_t least) {                                                   \
    vector state[8];                                                                                                           \
    struct job *of[lanes];                                                                                                     \
    const uint8_t *data[lanes];                                                                                                \
    uint64_t left[lanes], next = 0, busy = 0;                                                                                  \
    for (int i = 0; i < 8; i++) state[i] = (vector){0};                                                                        \
    for (int lane = 0; lane < lanes; lane++) of[lane] = 0, data[lane] = 0, left[lane] = 0;                                     \
    for (;;) {                                                                                                                 \
      uint64_t step = UINT64_MAX;                                                                                              \
      const uint8_t *any = 0;                                                                                                  \
      for (int lane = 0; lane < lanes; lane++) {                                                                               \
        while (of[lane] == 0 && next < count) {                                                                                \
          struct job *job = &jobs[next++];                                                                                     \
          if (job->blocks == 0) continue;                                                                                      \
          of[lane] = job, data[lane] = job->data, left[lane] = job->blocks, busy++;                                            \
          for (int i = 0; i < 8; i++) state[i][lane] = job->state[i];                                                          \
        }                                                                                                                      \
        if (of[lane] != 0) any = data[lane], step = left[lane] < step ? left[lane] : step;                                     \
      }                                                                                                                        \
      if (busy == 0 || busy < least) break;                                                                                    \
      for (int lane = 0; lane < lanes; lane++)                                                                                 \
        if (of[lane] == 0) data[lane] = any;                                                                                   \
      for (uint64_t block = 0; block < step; block++) {                                                                        \
        vector w[16];                                                                                                          \
        load(data, w);                                                                                                         \
        COMPRESS(state, w);                                                                                                    \
        for (int lane = 0; lane < lanes; lane++) data[lane] += 64;                                                             \
      }                                                                                                                        \
      for (int lane = 0; lane < lanes; lane++) {                                                                               \
        if (of[lane] == 0) continue;                                                                                           \
        left[lane] -= step;                                                                                                    \
        if (left[lane] != 0) continue;                                                                                         \
        for (int i = 0; i < 8; i++) of[lane]->state[i] = state[i][lane];                                                       \
        of[lane]->blocks = 0, of[lane] = 0, busy--;                                                                            \
      }                                                                                                                        \
    }                                                                                                                          \
    for (int lane = 0; lane < lanes; lane++) {                                                                                 \
      if (of[lane] == 0) continue;                                                                                             \
      of[lane]->data = data[lane], of[lane]->blocks = left[lane];                                                              \
      for (int i = 0; i < 8; i++) of[lane]->state[i] = state[i][lane];                                                         \
    }                                                                                                                          \
  }

RUN(holdfast_sha256_16, 16, wide, load_wide, WIDE)
RUN(holdfast_sha256_8, 8, narrow, load_narrow, NARROW)
