#include "draft/growth.h"

#include <algorithm>

#include "sampling/lanes.h"

namespace outrider {

DistView ChildRow::view() {
  auto& ids = row_.ids;
  auto& probs = row_.probs;
  if (erased_ != kNone) {
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(erased_));
    probs.erase(probs.begin() + static_cast<std::ptrdiff_t>(erased_));
    erased_ = kNone;
  }
  if (!is_normal_) scale(probs.data(), probs.size(), 1 / lane_sum(probs.data(), probs.size()));
  is_normal_ = true;
  return {ids.data(), probs.data(), ids.size()};
}

size_t ChildRow::top() {
  const DistView law = view();
  return static_cast<size_t>(std::max_element(law.probs, law.probs + law.size) - law.probs);
}

bool ChildRow::reaches(double probability) {
  if (row_.ids.size() == (erased_ == kNone ? 0U : 1U)) return false;
  return probability <= 0 || view().probs[top()] >= probability;
}

size_t ChildRow::index_of(int32_t token) {
  const DistView law = view();
  return static_cast<size_t>(std::lower_bound(law.ids, law.ids + law.size, token) - law.ids);
}

void ChildRow::erase(size_t index) {
  view();
  erased_ = index;
}

double ChildRow::expected(double start, double slope, double end, const std::function<double(double)>& rate) const {
  constexpr size_t kBlock = 256;
  const double* probs = row_.probs.data();
  const size_t n = row_.probs.size();
  const double gone = erased_ == kNone ? 0.0 : probs[erased_];
  const double factor = is_normal_ || gone >= 1 ? 1.0 : 1.0 / (1.0 - gone);
  double mass = 0;
  double squares = 0;
  double total = 0;
  for (size_t block = 0; block < n; block += kBlock) {
    const size_t block_end = std::min(n, block + kBlock);
    const Moments all = moments(probs + block, block_end - block);
    mass += all.sum;
    squares += all.squares;
    if (all.largest * factor < end) continue;
    for (size_t i = block; i < block_end; i++) {
      const double probability = probs[i] * factor;
      if (probability < end) continue;
      mass -= probs[i];
      squares -= probs[i] * probs[i];
      if (i != erased_) total += probability * rate(probability);
    }
  }
  if (gone * factor < end) {
    mass -= gone;
    squares -= gone * gone;
  }
  return total + start * mass * factor + slope * squares * factor * factor;
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

double GrowthFront::expected_acceptance(int32_t rank, ChildRow& row) const {
  if (rules_.rule == GrowthRule::kDySpec) return 1;
  const auto rate = [&](double probability) {
    return acceptance_rate(rules_, rank, probability);
  };
  if (rules_.draws == Draws::kTop) return rate(row.view().probs[row.top()]);
  // Nearly all tokens lie between the first two knots, where the rate is a line; without knots it is one throughout.
  const double end = rules_.knots.empty() ? 2.0 : rules_.knots[1];
  return row.expected(rate(0), (rate(end) - rate(0)) / end, end, rate);
}

void GrowthFront::know(int32_t parent, ChildRow& row) {
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
