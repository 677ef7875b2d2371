#include "sampling/logprobs.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace outrider {

TokenLogprobs token_logprobs(const float* logits, size_t n_vocab, int32_t token, size_t n_top) {
  const double largest = *std::max_element(logits, logits + n_vocab);
  double sum = 0;
  for (size_t id = 0; id < n_vocab; id++) sum += std::exp(logits[id] - largest);
  const double log_total = largest + std::log(sum);
  std::vector<int32_t> order(n_vocab);
  std::iota(order.begin(), order.end(), 0);
  const auto end = order.begin() + static_cast<std::ptrdiff_t>(std::min(n_top, n_vocab));
  std::partial_sort(order.begin(), end, order.end(), [&](int32_t one, int32_t other) {
    return logits[one] > logits[other] || (logits[one] == logits[other] && one < other);
  });
  TokenLogprobs result;
  result.ids.assign(1, token);
  result.ids.insert(result.ids.end(), order.begin(), end);
  for (const int32_t id : result.ids) result.logprobs.push_back(logits[id] - log_total);
  return result;
}

}  // namespace outrider
