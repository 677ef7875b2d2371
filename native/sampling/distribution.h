// Operations on one distribution: the C++ twins of src/sampling.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sampling/uncleared.h"

namespace outrider {

// A support in ascending token-id order.
struct DistView {
  const int32_t* ids;
  const double* probs;
  size_t size;
};

// Draws by walking the support in token-id order; `uniform` in [0, 1).
int32_t sample_categorical(DistView law, double uniform);

// The probability of `token`, 0 outside the support.
double probability_of(DistView law, int32_t token);

// The probabilities of the tokens of another support, [to.size].
void align(DistView law, DistView to, std::vector<double>& probs);

// Mass of (scale * p - q)+ over the support of p.
double residual_mass(DistView target, DistView draft, double scale);

// Appends the tokens with (scale * p - q)+ > 0 and these weights; returns their sum.
double residual_weights(DistView target, DistView draft, double scale, TokenIds& ids, Probabilities& weights);

// Draws from (scale * p - q)+ normalised; from p itself when rounding leaves no mass.
int32_t sample_residual(DistView target, DistView draft, double scale, double uniform);

}  // namespace outrider
