#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "sampling/sampler_chain.h"

namespace outrider {

namespace {

Span<const int32_t> window_of(Span<const int32_t> history, int32_t last_n) {
  return last_n < 0 ? history : history.last(static_cast<size_t>(last_n));
}

// common[i] = length of the longest common suffix of the whole window and its part that ends at i (Z-algorithm on
// the reversed window).
std::vector<int32_t> common_suffixes(Span<const int32_t> window) {
  const auto n = static_cast<int32_t>(window.size());
  const auto reversed = [&](int32_t index) {
    return window[static_cast<size_t>(n - 1 - index)];
  };
  std::vector<int32_t> z(static_cast<size_t>(n), 0);
  int32_t left = 0;
  int32_t right = 0;
  for (int32_t i = 1; i < n; i++) {
    int32_t length = i < right ? std::min(right - i, z[static_cast<size_t>(i - left)]) : 0;
    while (i + length < n && reversed(length) == reversed(i + length)) length++;
    z[static_cast<size_t>(i)] = length;
    if (i + length > right) {
      left = i;
      right = i + length;
    }
  }
  std::reverse(z.begin(), z.end());
  return z;
}

}  // namespace

void apply_penalties(const SamplerParams& params, Span<const int32_t> history, std::vector<double>& logits) {
  if (params.repeat_penalty == 1.0 && params.frequency_penalty == 0.0 && params.presence_penalty == 0.0) return;
  std::unordered_map<int32_t, int32_t> counts;
  for (const int32_t token : window_of(history, params.penalty_last_n)) counts[token]++;
  for (const auto& entry : counts) {
    if (entry.first < 0 || static_cast<size_t>(entry.first) >= logits.size()) continue;
    double& logit = logits[static_cast<size_t>(entry.first)];
    logit = logit <= 0 ? logit * params.repeat_penalty : logit / params.repeat_penalty;
    logit -= entry.second * params.frequency_penalty + params.presence_penalty;
  }
}

void apply_dry(const SamplerParams& params, Span<const int32_t> history, std::vector<double>& logits) {
  if (params.dry_multiplier == 0.0) return;
  const Span<const int32_t> window = window_of(history, params.dry_penalty_last_n);
  const auto n = static_cast<int32_t>(window.size());
  if (n <= params.dry_allowed_length) return;
  const auto is_breaker = [&](int32_t token) {
    const auto& breakers = params.dry_sequence_breakers;
    return std::find(breakers.begin(), breakers.end(), token) != breakers.end();
  };
  // A run never reaches back past the last breaker.
  int32_t limit = 0;
  while (limit < n && !is_breaker(window[static_cast<size_t>(n - 1 - limit)])) limit++;
  if (limit < params.dry_allowed_length) return;
  const std::vector<int32_t> common = common_suffixes(window);
  std::unordered_map<int32_t, int32_t> longest;  // by the token that followed the earlier run
  for (int32_t end = 0; end + 1 < n; end++) {
    const int32_t length = std::min(common[static_cast<size_t>(end)], limit);
    if (length < params.dry_allowed_length) continue;
    const int32_t follower = window[static_cast<size_t>(end + 1)];
    if (is_breaker(follower)) continue;
    int32_t& best = longest[follower];
    best = std::max(best, length);
  }
  for (const auto& entry : longest) {
    if (entry.first < 0 || static_cast<size_t>(entry.first) >= logits.size()) continue;
    const double penalty = params.dry_multiplier * std::pow(params.dry_base, entry.second - params.dry_allowed_length);
    // Capped, so that a very long run makes a token unlikely but does not forbid it.
    logits[static_cast<size_t>(entry.first)] -= std::min(penalty, std::numeric_limits<double>::max());
  }
}

}  // namespace outrider
