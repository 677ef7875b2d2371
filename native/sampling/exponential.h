// The exponential of many numbers at once.
#pragma once

#include <cstddef>

namespace outrider {

// Replaces each value by its exponential, within two units in the last place. Values lie in [-infinity, 0]; below -708
// the result is 0.
void exponentials(double* values, size_t n);

// Where `exponentials` begins to give 0 for what is not.
constexpr double kSmallestExponent = -708.0;

}  // namespace outrider
