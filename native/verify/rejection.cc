#include "verify/verifiers.h"

namespace outrider {

Verdict verify_rejection(const int32_t* tokens, size_t n, const Rows& target, const Rows* draft, const double* accept,
                         const double* sample) {
  Verdict verdict;
  for (size_t node = 0; node < n; node++) {
    const DistView target_law = view_of(target, node);
    const DistView law = draft_law(draft, node, tokens + node);
    const double target_probability = probability_of(target_law, tokens[node]);
    const double draft_probability = probability_of(law, tokens[node]);
    if (!(draft_probability > 0 && accept[node] * draft_probability < target_probability)) {
      verdict.next_token = sample_residual(target_law, law, 1.0, sample[node]);
      return verdict;
    }
    verdict.accepted.push_back(static_cast<int32_t>(node));
  }
  verdict.next_token = sample_categorical(view_of(target, n), sample[n]);
  verdict.bonus = true;
  return verdict;
}

}  // namespace outrider
