#include "sampling/distribution.h"

#include <algorithm>

#include "sampling/lanes.h"

namespace outrider {

namespace {

// Looks up probabilities of ascending tokens. Where a support leaves out few ids below its last one, a token's place is
// known but for those.
class Cursor {
 public:
  explicit Cursor(DistView law)
      : law_(law), n_gaps_(law.size > 0 ? law.ids[law.size - 1] + 1 - static_cast<int64_t>(law.size) : 0) {}

  double probability(int32_t token) {
    at_ = std::max(at_, static_cast<int64_t>(token) - n_gaps_);
    while (at_ < static_cast<int64_t>(law_.size) && law_.ids[at_] < token) at_++;
    return at_ < static_cast<int64_t>(law_.size) && law_.ids[at_] == token ? law_.probs[at_] : 0.0;
  }

 private:
  DistView law_;
  int64_t n_gaps_;
  int64_t at_ = 0;
};

}  // namespace

int32_t sample_categorical(DistView law, double uniform) {
  constexpr size_t kBlock = 256;
  const double goal = uniform * lane_sum(law.probs, law.size);
  double reached = 0;
  int32_t last = law.ids[0];
  for (size_t start = 0; start < law.size; start += kBlock) {
    const size_t end = std::min(law.size, start + kBlock);
    const double beyond = reached + lane_sum(law.probs + start, end - start);
    const bool is_last = end == law.size;
    for (size_t i = start; (goal < beyond || is_last) && i < end; i++) {
      if (law.probs[i] <= 0) continue;
      reached += law.probs[i];
      last = law.ids[i];
      if (goal < reached) return last;
    }
    reached = beyond;
  }
  return last;
}

double probability_of(DistView law, int32_t token) {
  const int32_t* end = law.ids + law.size;
  const int32_t* found = std::lower_bound(law.ids, end, token);
  return found != end && *found == token ? law.probs[found - law.ids] : 0.0;
}

void align(DistView law, DistView to, std::vector<double>& probs) {
  probs.resize(to.size);
  Cursor cursor(law);
  for (size_t i = 0; i < to.size; i++) probs[i] = cursor.probability(to.ids[i]);
}

double residual_mass(DistView target, DistView draft, double scale) {
  double mass = 0;
  Cursor cursor(draft);
  for (size_t i = 0; i < target.size; i++) {
    const double weight = scale * target.probs[i] - cursor.probability(target.ids[i]);
    mass += weight > 0 ? weight : 0.0;
  }
  return mass;
}

double residual_weights(DistView target, DistView draft, double scale, TokenIds& ids, Probabilities& weights) {
  ids.resize(target.size);
  weights.resize(target.size);
  double mass = 0;
  size_t n_kept = 0;
  Cursor cursor(draft);
  for (size_t i = 0; i < target.size; i++) {
    const double weight = scale * target.probs[i] - cursor.probability(target.ids[i]);
    ids[n_kept] = target.ids[i];
    weights[n_kept] = weight;
    mass += weight > 0 ? weight : 0.0;
    n_kept += weight > 0;
  }
  ids.resize(n_kept);
  weights.resize(n_kept);
  return mass;
}

int32_t sample_residual(DistView target, DistView draft, double scale, double uniform) {
  TokenIds ids;
  Probabilities weights;
  const double mass = residual_weights(target, draft, scale, ids, weights);
  return sample_categorical(mass > 0 ? DistView{ids.data(), weights.data(), ids.size()} : target, uniform);
}

}  // namespace outrider
