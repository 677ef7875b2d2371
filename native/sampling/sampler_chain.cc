#include "sampling/sampler_chain.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sampling/lanes.h"

namespace outrider {

namespace {

// Larger values first, smaller ids first among equals.
bool comes_before(const Candidate& a, const Candidate& b) {
  return a.value != b.value ? a.value > b.value : a.id < b.id;
}

double sum_of(const std::vector<Candidate>& candidates) {
  double sum = 0;
  for (const Candidate& candidate : candidates) sum += candidate.value;
  return sum;
}

constexpr double kLowest = -std::numeric_limits<double>::infinity();

void sort_by_id(std::vector<Candidate>& candidates) {
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) { return a.id < b.id; });
}

// Keeps the shortest prefix under `order` whose value sum reaches `mass`; sorts only as much as that takes.
template <typename Order, typename Value>
size_t prefix_reaching(std::vector<Candidate>& candidates, double mass, Order order, Value value) {
  size_t sorted = 0;
  double sum = 0;
  size_t next = std::min<size_t>(candidates.size(), 256);
  while (sorted < candidates.size()) {
    const auto from = candidates.begin() + static_cast<std::ptrdiff_t>(sorted);
    const auto to = candidates.begin() + static_cast<std::ptrdiff_t>(next);
    if (next < candidates.size()) std::nth_element(from, to, candidates.end(), order);
    std::sort(from, to, order);
    for (; sorted < next; sorted++) {
      sum += value(candidates[sorted]);
      if (sum >= mass) return sorted + 1;
    }
    next = std::min(candidates.size(), next * 4);
  }
  return candidates.size();
}

}  // namespace

SamplerChain::SamplerChain(SamplerParams params) : params_(std::move(params)) {}

bool SamplerChain::needs_history() const {
  return params_.repeat_penalty != 1.0 || params_.frequency_penalty != 0.0 || params_.presence_penalty != 0.0 ||
         params_.dry_multiplier != 0.0;
}

void SamplerChain::adjust(Span<const int32_t> history) {
  for (const auto& bias : params_.logit_bias) {
    if (static_cast<size_t>(bias.first) < logits_.size()) logits_[static_cast<size_t>(bias.first)] += bias.second;
  }
  apply_penalties(params_, history, logits_);
  apply_dry(params_, history, logits_);
}

bool SamplerChain::apply(const float* logits, int32_t n_vocab, int32_t n_limit, Span<const int32_t> history,
                         Rows& rows) {
  const auto n = static_cast<size_t>(std::min(n_vocab, n_limit));
  if (!needs_history() && params_.logit_bias.empty()) return append(logits, n, rows);
  logits_.assign(logits, logits + n);
  adjust(history);
  return append(logits_.data(), n, rows);
}

template <typename Logit>
bool SamplerChain::append(const Logit* logits, size_t n, Rows& rows) {
  const bool has_top_k = params_.top_k > 0 && static_cast<size_t>(params_.top_k) < n;
  if (params_.temperature == 0.0) return append_likeliest(logits, n, rows);
  if (!has_top_k && params_.top_p >= 1.0 && params_.min_p <= 0.0 && params_.typical_p >= 1.0) {
    return append_whole(logits, n, rows);
  }
  candidates_.clear();
  if (has_top_k) {
    keep_top_k(logits, n);
  } else {
    candidates_.reserve(n);
    for (size_t id = 0; id < n; id++) {
      if (logits[id] > kLowest) candidates_.push_back({static_cast<int32_t>(id), logits[id]});
    }
  }
  double largest = kLowest;
  for (const Candidate& candidate : candidates_) largest = std::max(largest, candidate.value);
  if (!std::isfinite(largest)) return false;
  // Subtracting first keeps the quotient from overflowing at tiny temperatures.
  for (Candidate& candidate : candidates_) {
    candidate.value = std::exp((candidate.value - largest) / params_.temperature);
  }
  if (params_.top_p < 1.0) keep_top_p();
  if (params_.min_p > 0.0) keep_min_p();
  if (params_.typical_p < 1.0) keep_typical();

  const double sum = sum_of(candidates_);
  for (const Candidate& candidate : candidates_) {
    const double probability = candidate.value / sum;
    if (probability <= 0.0) continue;
    rows.ids.push_back(candidate.id);
    rows.probs.push_back(probability);
  }
  rows.end_row();
  return true;
}

template <typename Logit>
bool SamplerChain::append_likeliest(const Logit* logits, size_t n, Rows& rows) {
  const double largest = logit_range(logits, n).largest;
  if (!std::isfinite(largest)) return false;
  rows.ids.push_back(static_cast<int32_t>(std::find(logits, logits + n, static_cast<Logit>(largest)) - logits));
  rows.probs.push_back(1.0);
  rows.end_row();
  return true;
}

template <typename Logit>
bool SamplerChain::append_whole(const Logit* logits, size_t n, Rows& rows) const {
  const LogitRange range = logit_range(logits, n);
  if (!std::isfinite(range.largest)) return false;
  const size_t start = rows.ids.size();
  rows.ids.resize(start + n);
  rows.probs.resize(start + n);
  int32_t* ids = rows.ids.data() + start;
  double* probs = rows.probs.data() + start;
  double sum = 0;
  const bool is_whole = (range.smallest - range.largest) / params_.temperature > kSmallestExponent;
  if (is_whole) {
    sum = exponentials(logits, n, range.largest, params_.temperature, probs);
  } else {
    for (size_t id = 0; id < n; id++) {
      // What is not a number is left out.
      probs[id] = logits[id] > kLowest ? std::exp((logits[id] - range.largest) / params_.temperature) : 0.0;
    }
    sum = lane_sum(probs, n);
  }
  scale(probs, n, 1 / sum);
  size_t n_kept = n;
  if (is_whole && !range.has_gaps) {
    for (size_t id = 0; id < n; id++) ids[id] = static_cast<int32_t>(id);
  } else {
    n_kept = 0;
    for (size_t id = 0; id < n; id++) {
      ids[n_kept] = static_cast<int32_t>(id);
      probs[n_kept] = probs[id];
      n_kept += probs[id] > 0;
    }
  }
  rows.ids.resize(start + n_kept);
  rows.probs.resize(start + n_kept);
  rows.end_row();
  return true;
}

template <typename Logit>
void SamplerChain::keep_top_k(const Logit* logits, size_t n) {
  const auto k = static_cast<size_t>(params_.top_k);
  double threshold = kLowest;
  const size_t room = std::max<size_t>(2 * k, 64);
  const auto shrink = [&] {
    const auto middle = candidates_.begin() + static_cast<std::ptrdiff_t>(k);
    std::nth_element(candidates_.begin(), middle - 1, candidates_.end(), comes_before);
    candidates_.resize(k);
    threshold = candidates_.back().value;
  };
  // Ids ascend, so a later candidate that only equals the threshold never displaces an earlier one.
  for (size_t id = 0; id < n; id++) {
    if (!(logits[id] > threshold)) continue;
    candidates_.push_back({static_cast<int32_t>(id), logits[id]});
    if (candidates_.size() >= room) shrink();
  }
  if (candidates_.size() > k) shrink();
  sort_by_id(candidates_);
}

void SamplerChain::keep_top_p() {
  const double sum = sum_of(candidates_);
  const size_t kept = prefix_reaching(candidates_, params_.top_p, comes_before,
                                      [sum](const Candidate& candidate) { return candidate.value / sum; });
  candidates_.resize(kept);
  sort_by_id(candidates_);
}

void SamplerChain::keep_min_p() {
  // The likeliest token has the value 1 until something is renormalised.
  const double min_p = params_.min_p;
  candidates_.erase(std::remove_if(candidates_.begin(), candidates_.end(),
                                   [min_p](const Candidate& candidate) { return candidate.value < min_p; }),
                    candidates_.end());
}

void SamplerChain::keep_typical() {
  const double sum = sum_of(candidates_);
  double entropy = 0;
  for (const Candidate& candidate : candidates_) {
    const double probability = candidate.value / sum;
    if (probability > 0) entropy -= probability * std::log(probability);
  }
  const auto distance = [&](const Candidate& candidate) {
    return std::fabs(-std::log(candidate.value / sum) - entropy);
  };
  const auto order = [&](const Candidate& a, const Candidate& b) {
    const double distance_a = distance(a);
    const double distance_b = distance(b);
    return distance_a != distance_b ? distance_a < distance_b : a.id < b.id;
  };
  const size_t kept = prefix_reaching(candidates_, params_.typical_p, order,
                                      [sum](const Candidate& candidate) { return candidate.value / sum; });
  candidates_.resize(kept);
  sort_by_id(candidates_);
}

}  // namespace outrider
