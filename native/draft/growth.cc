#include "draft/growth.h"

#include <algorithm>
#include <numeric>

namespace outrider {

size_t ChildRow::top() const {
  return static_cast<size_t>(std::max_element(probs_.begin(), probs_.end()) - probs_.begin());
}

size_t ChildRow::index_of(int32_t token) const {
  return static_cast<size_t>(std::lower_bound(ids_.begin(), ids_.end(), token) - ids_.begin());
}

void ChildRow::erase(size_t index) {
  ids_.erase(ids_.begin() + static_cast<std::ptrdiff_t>(index));
  probs_.erase(probs_.begin() + static_cast<std::ptrdiff_t>(index));
}

void ChildRow::normalise() {
  const double sum = std::accumulate(probs_.begin(), probs_.end(), 0.0);
  for (double& probability : probs_) probability /= sum;
}

double acceptance_rate(const GrowthRules& rules, int32_t rank, double probability) {
  const std::vector<double>& knots = rules.knots;
  if (knots.empty()) return probability;
  const size_t n_ranks = rules.rates.size() / knots.size();
  const double* rates = rules.rates.data() + std::min(static_cast<size_t>(rank), n_ranks - 1) * knots.size();
  const auto above = std::upper_bound(knots.begin(), knots.end(), probability);
  if (above == knots.begin()) return rates[0];
  if (above == knots.end()) return rates[knots.size() - 1];
  const auto high = static_cast<size_t>(above - knots.begin());
  const double share = (probability - knots[high - 1]) / (knots[high] - knots[high - 1]);
  return rates[high - 1] + share * (rates[high] - rates[high - 1]);
}

Slot& GrowthFront::best() {
  return *std::max_element(slots_.begin(), slots_.end(), [](const Slot& one, const Slot& other) {
    return one.priority < other.priority || (one.priority == other.priority && one.parent > other.parent);
  });
}

std::vector<const Slot*> GrowthFront::wanted() const {
  double best_exact = 0;
  for (const Slot& slot : slots_) {
    if (slot.exact) best_exact = std::max(best_exact, slot.priority);
  }
  std::vector<const Slot*> wanted;
  for (const Slot& slot : slots_) {
    if (!slot.exact && slot.priority >= best_exact) wanted.push_back(&slot);
  }
  return wanted;
}

std::vector<int32_t> GrowthFront::wanted_rows() const {
  std::vector<int32_t> parents;
  for (const Slot* slot : wanted()) parents.push_back(slot->parent);
  std::sort(parents.begin(), parents.end());
  return parents;
}

double GrowthFront::wanted_gain() const {
  double gain = 0;
  for (const Slot* slot : wanted()) gain += slot->value;
  return gain;
}

void GrowthFront::close_unknown() {
  slots_.erase(std::remove_if(slots_.begin(), slots_.end(), [](const Slot& slot) { return !slot.exact; }),
               slots_.end());
}

double GrowthFront::expected_acceptance(int32_t rank, const ChildRow& row) const {
  const DistView law = row.view();
  if (rules_.rule == GrowthRule::kDySpec) return 1;
  if (rules_.draws == Draws::kTop) {
    return acceptance_rate(rules_, rank, law.probs[row.top()]);
  }
  if (rules_.knots.empty()) {
    double expected = 0;
    for (size_t i = 0; i < law.size; i++) expected += law.probs[i] * law.probs[i];
    return expected;
  }
  // Nearly all tokens lie between the first two knots, where the rate is a line.
  const double end = rules_.knots[1];
  const double rate = acceptance_rate(rules_, rank, 0);
  const double slope = (acceptance_rate(rules_, rank, end) - rate) / end;
  double mass = 0;
  double squares = 0;
  double expected = 0;
  for (size_t i = 0; i < law.size; i++) {
    const double probability = law.probs[i];
    const double small = probability < end ? probability : 0.0;
    mass += small;
    squares += small * small;
    if (probability >= end) expected += probability * acceptance_rate(rules_, rank, probability);
  }
  return expected + rate * mass + slope * squares;
}

void GrowthFront::know(int32_t parent, const ChildRow& row) {
  if (!row.reaches(rules_.min_probability)) {
    slots_.erase(std::remove_if(slots_.begin(), slots_.end(), [&](const Slot& slot) { return slot.parent == parent; }),
                 slots_.end());
    return;
  }
  for (Slot& slot : slots_) {
    if (slot.parent != parent || slot.exact) continue;
    slot.priority = slot.value * expected_acceptance(slot.rank, row);
    slot.exact = true;
  }
}

void GrowthFront::close(const Slot& slot) { slots_.erase(slots_.begin() + (&slot - slots_.data())); }

void GrowthFront::values_after(const Slot& slot, double probability, double& child, double& sibling) const {
  if (rules_.rule == GrowthRule::kEagle2) {
    child = slot.value * probability;
    sibling = slot.value;
    return;
  }
  const double rate = acceptance_rate(rules_, slot.rank, probability);
  child = slot.value * rate;
  sibling = slot.value * (1 - rate);
}

}  // namespace outrider
