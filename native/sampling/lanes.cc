#include "sampling/lanes.h"

#include <cstdint>
#include <cstring>
#include <limits>

// One version for each width of a processor's registers, chosen when the library is loaded; all give the same bits.
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__linux__)
#define OUTRIDER_WIDTHS __attribute__((target_clones("avx512f", "avx2", "default")))
#define OUTRIDER_INLINE inline __attribute__((always_inline))
#else
#define OUTRIDER_WIDTHS
#define OUTRIDER_INLINE inline
#endif

namespace outrider {

namespace {

constexpr size_t kLanes = 8;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

constexpr double kLog2E = 1.4426950408889634074;
// ln 2 in two parts: products of the first with small integers are exact.
constexpr double kLn2High = 6.93147180369123816490e-01;
constexpr double kLn2Low = 1.90821492927058770002e-10;
// 1.5 * 2^52: adding it rounds to an integer, which the low bits of the sum then hold.
constexpr double kRounder = 6755399441055744.0;
constexpr uint64_t kExponentBias = 1023;
constexpr int kMantissaBits = 52;

// exp(x) = 2^k exp(r) with k = round(x / ln 2) and |r| <= ln(2) / 2, where 14 terms of the series are exact to the last
// bit.
OUTRIDER_INLINE double exponential(double exponent) {
  const double x = exponent > kSmallestExponent ? exponent : kSmallestExponent;
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
  return exponent > kSmallestExponent ? series * power : 0.0;
}

OUTRIDER_INLINE double total_of(const double* lanes) {
  return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
}

OUTRIDER_INLINE double sum_of(const double* values, size_t n) {
  double lanes[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; lane++) lanes[lane] += values[i + lane];
  }
  for (; i < n; i++) lanes[i % kLanes] += values[i];
  return total_of(lanes);
}

OUTRIDER_INLINE double squares_of(const double* values, size_t n) {
  double lanes[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; lane++) lanes[lane] += values[i + lane] * values[i + lane];
  }
  for (; i < n; i++) lanes[i % kLanes] += values[i] * values[i];
  return total_of(lanes);
}

OUTRIDER_INLINE double largest_of(const double* values, size_t n) {
  double lanes[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; lane++)
      lanes[lane] = values[i + lane] > lanes[lane] ? values[i + lane] : lanes[lane];
  }
  for (; i < n; i++) lanes[0] = values[i] > lanes[0] ? values[i] : lanes[0];
  double largest = 0;
  for (const double lane : lanes) largest = lane > largest ? lane : largest;
  return largest;
}

// Each loop does one thing: compilers find the wide form of such loops only.
template <typename Logit>
OUTRIDER_INLINE double exponentials_of(const Logit* logits, size_t n, double largest, double temperature,
                                       double* values) {
  if (temperature == 1.0) {
    for (size_t i = 0; i < n; i++) values[i] = exponential(static_cast<double>(logits[i]) - largest);
  } else {
    for (size_t i = 0; i < n; i++) {
      values[i] = exponential((static_cast<double>(logits[i]) - largest) / temperature);
    }
  }
  return sum_of(values, n);
}

template <typename Logit>
OUTRIDER_INLINE LogitRange range_of(const Logit* logits, size_t n) {
  constexpr size_t kWide = 16;
  constexpr Logit kLow = -std::numeric_limits<Logit>::infinity();
  Logit smallest[kWide];
  Logit largest[kWide];
  int32_t n_gaps[kWide];
  for (size_t lane = 0; lane < kWide; lane++) {
    smallest[lane] = -kLow;
    largest[lane] = kLow;
    n_gaps[lane] = 0;
  }
  const auto take = [&](size_t lane, Logit logit) {
    const bool is_there = logit > kLow;
    smallest[lane] = is_there && logit < smallest[lane] ? logit : smallest[lane];
    largest[lane] = logit > largest[lane] ? logit : largest[lane];
    n_gaps[lane] += is_there ? 0 : 1;
  };
  size_t i = 0;
  for (; i + kWide <= n; i += kWide) {
    for (size_t lane = 0; lane < kWide; lane++) take(lane, logits[i + lane]);
  }
  for (; i < n; i++) take(i % kWide, logits[i]);
  LogitRange range{kInfinity, -kInfinity, false};
  for (size_t lane = 0; lane < kWide; lane++) {
    if (smallest[lane] < range.smallest) range.smallest = smallest[lane];
    if (largest[lane] > range.largest) range.largest = largest[lane];
    range.has_gaps |= n_gaps[lane] > 0;
  }
  return range;
}

}  // namespace

OUTRIDER_WIDTHS LogitRange logit_range(const float* logits, size_t n) { return range_of(logits, n); }
OUTRIDER_WIDTHS LogitRange logit_range(const double* logits, size_t n) { return range_of(logits, n); }

OUTRIDER_WIDTHS double exponentials(const float* logits, size_t n, double largest, double temperature, double* values) {
  return exponentials_of(logits, n, largest, temperature, values);
}
OUTRIDER_WIDTHS double exponentials(const double* logits, size_t n, double largest, double temperature,
                                    double* values) {
  return exponentials_of(logits, n, largest, temperature, values);
}

OUTRIDER_WIDTHS double lane_sum(const double* values, size_t n) { return sum_of(values, n); }

OUTRIDER_WIDTHS Moments moments(const double* values, size_t n) {
  return {sum_of(values, n), squares_of(values, n), largest_of(values, n)};
}

OUTRIDER_WIDTHS void scale(double* values, size_t n, double factor) {
  for (size_t i = 0; i < n; i++) values[i] *= factor;
}

}  // namespace outrider
