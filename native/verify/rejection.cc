#include <algorithm>

#include "verify/verifiers.h"

namespace outrider {

namespace {

// Sum of min(q - p, epsilon) where the draft has more than the target; `probs` is scratch.
double bias_of(DistView target, DistView draft, double epsilon, std::vector<double>& probs) {
  align(target, draft, probs);
  // Even and odd places apart, which a processor adds at once.
  double bias[2] = {0, 0};
  size_t i = 0;
  for (; i + 1 < draft.size; i += 2) {
    bias[0] += std::min(std::max(draft.probs[i] - probs[i], 0.0), epsilon);
    bias[1] += std::min(std::max(draft.probs[i + 1] - probs[i + 1], 0.0), epsilon);
  }
  if (i < draft.size) bias[0] += std::min(std::max(draft.probs[i] - probs[i], 0.0), epsilon);
  return bias[0] + bias[1];
}

}  // namespace

Verdict verify_rejection(const int32_t* tokens, size_t n, const Rows& target, const Rows* draft, double epsilon,
                         const double* accept, const double* sample) {
  Verdict verdict;
  std::vector<double> scratch;
  for (size_t node = 0; node < n; node++) {
    const DistView target_law = view_of(target, node);
    const DistView law = draft_law(draft, node, tokens + node);
    const double wanted = probability_of(target_law, tokens[node]) + epsilon;
    const double draft_probability = probability_of(law, tokens[node]);
    if (epsilon > 0) verdict.bias += bias_of(target_law, law, epsilon, scratch);
    if (!is_accepted(accept[node], wanted, draft_probability)) {
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
