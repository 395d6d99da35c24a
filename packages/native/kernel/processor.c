#include <cpuid.h>
#include <stdint.h>

/* What the processor has and the system saves: 1 AVX2, 2 AVX-512 F and BW, 4 SHA extensions, 8 AVX-512 F and VL. */
__attribute__((visibility("default"))) uint32_t holdfast_processor(void) {
  uint32_t a, b, c, d, low, high;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) return 0;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
  const int ymm = (low & 0x06) == 0x06, zmm = (low & 0xe6) == 0xe6;
  return (ymm && (b & bit_AVX2) ? 1 : 0) | (zmm && (b & bit_AVX512F) && (b & bit_AVX512BW) ? 2 : 0) | (b & bit_SHA ? 4 : 0) |
         (zmm && (b & bit_AVX512F) && (b & bit_AVX512VL) ? 8 : 0);
}
