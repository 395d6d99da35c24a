/*
 * scrypt's ROMix (RFC 7914, sections 3 to 5) with the rows of Salsa20/8 in vector registers, where OpenSSL has plain C. Its time is
 * one long chain of additions, turns and XORs: turns in one instruction (AVX-512 VL) make it shorter, wider registers don't.
 * The lanes of p are mixed one after the other, in the same table: side by side they would take a table each.
 */
#include <emmintrin.h>
#include <stdint.h>

#define EXPORT __attribute__((visibility("default")))
#define TURNS __attribute__((target("avx512f,avx512vl")))
#define ALWAYS __attribute__((always_inline)) static inline

/* Four words. A block of Salsa20 is four of them: its diagonals, so that a step is taken by four words at once. */
typedef uint32_t row __attribute__((vector_size(16)));

#define ORDER(x, order) ((row)_mm_shuffle_epi32((__m128i)(x), order))
#define TURN(x, bits) (((x) << (bits)) | ((x) >> (32 - (bits))))
#define QUARTERS(a, b, c, d) b ^= TURN(a + d, 7), c ^= TURN(b + a, 9), d ^= TURN(c + b, 13), a ^= TURN(d + c, 18)

/* scryptBlockMix of `in`, or of `in` XOR `with`, which are 2r blocks. */
#define BLOCK_MIX(name, where)                                                                                                 \
  where ALWAYS void name(const row *in, const row *with, row *out, uint64_t r) {                                               \
    const uint64_t last = 8 * r - 4;                                                                                           \
    row x[4];                                                                                                                  \
    for (int i = 0; i < 4; i++) x[i] = with ? in[last + i] ^ with[last + i] : in[last + i];                                    \
    for (uint64_t block = 0; block < 2 * r; block++) {                                                                         \
      row before[4];                                                                                                           \
      for (int i = 0; i < 4; i++)                                                                                              \
        before[i] = x[i] ^= with ? in[4 * block + i] ^ with[4 * block + i] : in[4 * block + i];                                \
      for (int round = 0; round < 8; round += 2) {                                                                             \
        QUARTERS(x[0], x[1], x[2], x[3]);                                                                                      \
        x[1] = ORDER(x[1], 0x93), x[2] = ORDER(x[2], 0x4e), x[3] = ORDER(x[3], 0x39);                                          \
        QUARTERS(x[0], x[3], x[2], x[1]);                                                                                      \
        x[1] = ORDER(x[1], 0x39), x[2] = ORDER(x[2], 0x4e), x[3] = ORDER(x[3], 0x93);                                          \
      }                                                                                                                        \
      row *to = out + 4 * (block / 2 + (block & 1) * r);                                                                       \
      for (int i = 0; i < 4; i++) to[i] = x[i] += before[i];                                                                   \
    }                                                                                                                          \
  }

/* The rows of the table that are mixed in next, asked for before they are needed. */
ALWAYS const row *chosen(const row *table, const row *x, uint64_t N, uint64_t r) {
  const row *with = table + (x[8 * r - 4][0] & (N - 1)) * 8 * r;
  for (uint64_t at = 0; at < 8 * r; at += 4) __builtin_prefetch(with + at);
  return with;
}

/* scryptROMix of x, which has 8r rows, as y has; the table N times as many. */
#define RO_MIX(name, mix, where)                                                                                               \
  where static void name(row *x, row *y, row *table, uint64_t N, uint64_t r) {                                                 \
    for (uint64_t at = 0; at < 8 * r; at++) table[at] = x[at];                                                                 \
    for (uint64_t i = 1; i < N; i++) mix(table + (i - 1) * 8 * r, 0, table + i * 8 * r, r);                                    \
    mix(table + (N - 1) * 8 * r, 0, x, r);                                                                                     \
    for (uint64_t i = 0; i < N; i += 2) {                                                                                      \
      mix(x, chosen(table, x, N, r), y, r);                                                                                    \
      mix(y, chosen(table, y, N, r), x, r);                                                                                    \
    }                                                                                                                          \
  }

BLOCK_MIX(block_mix, )
RO_MIX(ro_mix, block_mix, )
BLOCK_MIX(block_mix_with_turns, TURNS)
RO_MIX(ro_mix_with_turns, block_mix_with_turns, TURNS)

/* Between the order of the words in a block and that of its diagonals. */
ALWAYS void to_diagonals(uint32_t *words) {
  uint32_t straight[16];
  for (int i = 0; i < 16; i++) straight[i] = words[i];
  for (int i = 0; i < 16; i++) words[i] = straight[i * 5 % 16];
}
ALWAYS void from_diagonals(uint32_t *words) {
  uint32_t diagonal[16];
  for (int i = 0; i < 16; i++) diagonal[i] = words[i];
  for (int i = 0; i < 16; i++) words[i * 5 % 16] = diagonal[i];
}

/* Linux's own calls: this file needs no library. */
ALWAYS uint64_t call(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
  register uint64_t fourth __asm__("r10") = d, fifth __asm__("r8") = UINT64_MAX, sixth __asm__("r9") = 0;
  __asm__ volatile("syscall" : "+a"(number) : "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth), "r"(sixth) : "rcx", "r11", "memory");
  return number;
}
enum { system_mmap = 9, system_munmap = 11, system_madvise = 28 };
enum { read_and_write = 3, private_and_anonymous = 0x22, huge_pages = 14 };
static const uint64_t huge_page = 2 << 20;

/*
 * Mixes the p lanes, of 128r bytes each; `blocks` has room for one more behind them. All at an address divisible by 16; N is a
 * power of two and above 1. The table is wiped and given back. 0, or another number when there is no memory for it.
 */
EXPORT uint32_t holdfast_scrypt(uint8_t *blocks, uint64_t N, uint64_t r, uint64_t p, uint32_t has_turns) {
  /* In huge pages where there are any, which begin at multiples of their size: 16 page faults in place of 8,192. */
  const uint64_t table_bytes = 128 * r * N, mapped_bytes = table_bytes + huge_page;
  const uint64_t mapped = call(system_mmap, 0, mapped_bytes, read_and_write, private_and_anonymous);
  if (mapped > -(uint64_t)4096) return 1;
  const uint64_t begin = (mapped + huge_page - 1) & -huge_page;
  call(system_madvise, begin, table_bytes, huge_pages, 0);
  row *const table = (row *)begin, *const y = (row *)(blocks + p * 128 * r);
  for (uint64_t lane = 0; lane < p; lane++) {
    uint32_t *const words = (uint32_t *)(blocks + lane * 128 * r);
    for (uint64_t block = 0; block < 2 * r; block++) to_diagonals(words + 16 * block);
    (has_turns ? ro_mix_with_turns : ro_mix)((row *)words, y, table, N, r);
    for (uint64_t block = 0; block < 2 * r; block++) from_diagonals(words + 16 * block);
  }
  for (uint64_t at = 0; at < table_bytes / sizeof(row); at++) table[at] = (row){0};
  call(system_munmap, mapped, mapped_bytes, 0, 0);
  return 0;
}
