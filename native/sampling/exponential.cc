#include "sampling/exponential.h"

#include <cstdint>
#include <cstring>

// One version for each width of a processor's registers, chosen when the library is loaded; all give the same bits.
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__linux__)
#define OUTRIDER_WIDTHS __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define OUTRIDER_WIDTHS
#endif

namespace outrider {

namespace {

constexpr double kLog2E = 1.4426950408889634074;
// ln 2 in two parts: products of the first with small integers are exact.
constexpr double kLn2High = 6.93147180369123816490e-01;
constexpr double kLn2Low = 1.90821492927058770002e-10;
// 1.5 * 2^52: adding it rounds to an integer, which the low bits of the sum then hold.
constexpr double kRounder = 6755399441055744.0;
constexpr uint64_t kExponentBias = 1023;
constexpr int kMantissaBits = 52;

}  // namespace

// exp(x) = 2^k exp(r) with k = round(x / ln 2) and |r| <= ln(2) / 2, where 14 terms of the series are exact to the last
// bit.
OUTRIDER_WIDTHS void exponentials(double* values, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const double x = values[i] > kSmallestExponent ? values[i] : kSmallestExponent;
    const double rounded = x * kLog2E + kRounder;
    const double k = rounded - kRounder;
    const double r = x - k * kLn2High - k * kLn2Low;
    double series = 1.0 / 6227020800.0;
    series = series * r + 1.0 / 479001600.0;
    series = series * r + 1.0 / 39916800.0;
    series = series * r + 1.0 / 3628800.0;
    series = series * r + 1.0 / 362880.0;
    series = series * r + 1.0 / 40320.0;
    series = series * r + 1.0 / 5040.0;
    series = series * r + 1.0 / 720.0;
    series = series * r + 1.0 / 120.0;
    series = series * r + 1.0 / 24.0;
    series = series * r + 1.0 / 6.0;
    series = series * r + 0.5;
    series = series * r + 1.0;
    series = series * r + 1.0;
    uint64_t bits = 0;
    std::memcpy(&bits, &rounded, sizeof(bits));
    bits = (bits + kExponentBias) << kMantissaBits;
    double power = 0;
    std::memcpy(&power, &bits, sizeof(power));
    values[i] = values[i] > kSmallestExponent ? series * power : 0.0;
  }
}

}  // namespace outrider
