#include <algorithm>

#include "verify/verifiers.h"

namespace outrider {

Verdict verify_block(const int32_t* tokens, size_t n, const Rows& target, const Rows* draft, const double* accept,
                     const double* sample) {
  Verdict verdict;
  std::vector<double> joint(n + 1, 1.0);
  for (size_t node = 0; node < n; node++) {
    const double draft_probability = probability_of(draft_law(draft, node, tokens + node), tokens[node]);
    const double target_probability = probability_of(view_of(target, node), tokens[node]);
    joint[node + 1] = draft_probability > 0 ? std::min(1.0, joint[node] * target_probability / draft_probability) : 0.0;
  }
  size_t length = n;
  for (; length > 0; length--) {
    const double scale = joint[length];
    double threshold = scale;
    if (length < n) {
      const double mass = residual_mass(view_of(target, length), draft_law(draft, length, tokens + length), scale);
      const double total = mass + (1.0 - scale);
      threshold = total > 0 ? mass / total : 1.0;
    }
    if (accept[length - 1] < threshold) break;
  }
  for (size_t node = 0; node < length; node++) verdict.accepted.push_back(static_cast<int32_t>(node));
  verdict.bonus = length == n;
  verdict.next_token = verdict.bonus
                           ? sample_categorical(view_of(target, n), sample[n])
                           : sample_residual(view_of(target, length), draft_law(draft, length, tokens + length),
                                             joint[length], sample[length]);
  return verdict;
}

}  // namespace outrider
