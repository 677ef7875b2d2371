#include "sampling/distribution.h"

#include <algorithm>

namespace outrider {

namespace {

// Calls visit(index, weight) for each token of the target with (scale * p - q)+ > 0, in token-id order.
template <typename Visit>
void walk_residual(DistView target, DistView draft, double scale, Visit visit) {
  size_t at = 0;
  for (size_t i = 0; i < target.size; i++) {
    while (at < draft.size && draft.ids[at] < target.ids[i]) at++;
    const bool is_shared = at < draft.size && draft.ids[at] == target.ids[i];
    const double weight = scale * target.probs[i] - (is_shared ? draft.probs[at] : 0.0);
    if (weight > 0) visit(i, weight);
  }
}

}  // namespace

int32_t sample_categorical(DistView law, double uniform) {
  double sum = 0;
  for (size_t i = 0; i < law.size; i++) sum += law.probs[i];
  const double goal = uniform * sum;
  double reached = 0;
  int32_t last = law.ids[0];
  for (size_t i = 0; i < law.size; i++) {
    if (law.probs[i] <= 0) continue;
    reached += law.probs[i];
    last = law.ids[i];
    if (goal < reached) return last;
  }
  return last;
}

double probability_of(DistView law, int32_t token) {
  const int32_t* end = law.ids + law.size;
  const int32_t* found = std::lower_bound(law.ids, end, token);
  return found != end && *found == token ? law.probs[found - law.ids] : 0.0;
}

double residual_mass(DistView target, DistView draft, double scale) {
  double mass = 0;
  walk_residual(target, draft, scale, [&](size_t, double weight) { mass += weight; });
  return mass;
}

double residual_weights(DistView target, DistView draft, double scale, std::vector<int32_t>& ids,
                        std::vector<double>& weights) {
  double mass = 0;
  ids.reserve(target.size);
  weights.reserve(target.size);
  walk_residual(target, draft, scale, [&](size_t index, double weight) {
    ids.push_back(target.ids[index]);
    weights.push_back(weight);
    mass += weight;
  });
  return mass;
}

int32_t sample_residual(DistView target, DistView draft, double scale, double uniform) {
  const double mass = residual_mass(target, draft, scale);
  if (!(mass > 0)) return sample_categorical(target, uniform);
  const double goal = uniform * mass;
  double reached = 0;
  int32_t chosen = -1;
  int32_t last = -1;
  walk_residual(target, draft, scale, [&](size_t index, double weight) {
    reached += weight;
    last = target.ids[index];
    if (chosen < 0 && goal < reached) chosen = last;
  });
  return chosen < 0 ? last : chosen;
}

}  // namespace outrider
