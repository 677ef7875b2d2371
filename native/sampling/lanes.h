// Loops over whole rows of a vocabulary, as wide as the processor's registers.
#pragma once

#include <cstddef>

namespace outrider {

// The finite values of a row of logits.
struct LogitRange {
  double smallest;
  double largest;
  bool has_gaps;  // some are -infinity or not a number
};

LogitRange logit_range(const float* logits, size_t n);
LogitRange logit_range(const double* logits, size_t n);

// Where `exponentials` begins to give 0 for what is not.
constexpr double kSmallestExponent = -708.0;

// values[i] = exp((logits[i] - largest) / temperature), within two units in the last place, where no logit is above
// `largest`; 0 for what is not a number or whose exponent is below kSmallestExponent. Returns their lane_sum.
double exponentials(const float* logits, size_t n, double largest, double temperature, double* values);
double exponentials(const double* logits, size_t n, double largest, double temperature, double* values);

// The sum in eight running sums, as src/sampling/categorical.ts has it.
double lane_sum(const double* values, size_t n);

// values[i] *= factor.
void scale(double* values, size_t n, double factor);

// Of numbers from 0.
struct Moments {
  double sum;
  double squares;
  double largest;
};
Moments moments(const double* values, size_t n);

}  // namespace outrider
