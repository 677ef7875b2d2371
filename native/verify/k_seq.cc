// Sequential selection: the children of a node one by one, all with one threshold.
#include <algorithm>

#include "verify/verifiers.h"

namespace outrider {

namespace {

constexpr int kSteps = 60;
constexpr double kTolerance = 1e-12;

// What a threshold rho accepts, as src/verify/k-seq.ts computes it.
struct Threshold {
  double single = 0;  // b = sum min(p / rho, q)
  double any = 0;     // 1 - (1 - b)^k
  double excess = 0;  // any - rho b
  double slope = 0;   // of the excess
};

Threshold threshold_at(DistView target, const std::vector<double>& draft, size_t n_siblings, double rho) {
  const double inverse = 1 / rho;
  // Even and odd places apart, which a processor adds at once; written so that nothing branches.
  double single[2] = {0, 0};
  double below[2] = {0, 0};
  size_t i = 0;
  for (; i + 1 < target.size; i += 2) {
    const double even = target.probs[i] * inverse;
    const double odd = target.probs[i + 1] * inverse;
    single[0] += std::min(even, draft[i]);
    single[1] += std::min(odd, draft[i + 1]);
    below[0] += even < draft[i] ? even : 0.0;
    below[1] += odd < draft[i + 1] ? odd : 0.0;
  }
  if (i < target.size) {
    const double last = target.probs[i] * inverse;
    single[0] += std::min(last, draft[i]);
    below[0] += last < draft[i] ? last : 0.0;
  }
  Threshold found;
  found.single = single[0] + single[1];
  double missed = 1;
  for (size_t sibling = 1; sibling < n_siblings; sibling++) missed *= 1 - found.single;
  found.any = 1 - missed * (1 - found.single);
  found.excess = found.any - rho * found.single;
  const double single_slope = -(below[0] + below[1]) * inverse;
  found.slope = static_cast<double>(n_siblings) * missed * single_slope - found.single - rho * single_slope;
  return found;
}

double solve_rho(DistView target, const std::vector<double>& draft, size_t n_siblings) {
  if (n_siblings == 1) return 1;
  double low = 1;
  double high = static_cast<double>(n_siblings);
  double guess = (low + high) / 2;
  for (int step = 0; step < kSteps; step++) {
    const Threshold at = threshold_at(target, draft, n_siblings, guess);
    const double root = guess - at.excess / at.slope;
    if (at.excess > 0) {
      low = guess;
    } else {
      high = guess;
      if (guess - root <= kTolerance * guess) break;
    }
    const double above = root * (1 + kTolerance / 2);
    guess = above > low && above < high ? above : (low + high) / 2;
  }
  return high;
}

// What is left of the target after all siblings were rejected; the target where rounding leaves nothing.
int32_t sample_rest(DistView target, const std::vector<double>& draft, size_t n_siblings, double rho, double uniform) {
  const Threshold at = threshold_at(target, draft, n_siblings, rho);
  if (!(at.single > 0)) return sample_categorical(target, uniform);
  const double gamma = at.any / at.single;
  const double inverse = 1 / rho;
  std::vector<double> weights(target.size);
  double mass = 0;
  for (size_t i = 0; i < target.size; i++) {
    const double scaled = target.probs[i] * inverse;
    const double weight = target.probs[i] - gamma * (scaled < draft[i] ? scaled : draft[i]);
    weights[i] = weight > 0 ? weight : 0.0;
    mass += weights[i];
  }
  if (!(mass > 0)) return sample_categorical(target, uniform);
  for (double& weight : weights) weight /= mass;
  return sample_categorical({target.ids, weights.data(), target.size}, uniform);
}

}  // namespace

Verdict verify_k_seq(const int32_t* tokens, const int32_t* parents, size_t n, const Rows& target, const Rows* draft,
                     const double* accept, const double* sample) {
  const std::vector<std::vector<int32_t>> children = children_of(parents, n);
  Verdict verdict;
  std::vector<double> aligned;
  for (int32_t node = -1;;) {
    const double uniform = sample[verdict.accepted.size()];
    const DistView law = view_of(target, static_cast<size_t>(node + 1));
    const std::vector<int32_t>& tried = children[static_cast<size_t>(node + 1)];
    if (tried.empty()) {
      verdict.next_token = sample_categorical(law, uniform);
      verdict.bonus = true;
      return verdict;
    }
    const DistView drawn_from = draft_law(draft, static_cast<size_t>(tried.front()), tokens + tried.front());
    // A single child needs the rows aligned only when it is rejected.
    if (tried.size() > 1) align(drawn_from, law, aligned);
    const double rho = solve_rho(law, aligned, tried.size());
    const auto accepted = std::find_if(tried.begin(), tried.end(), [&](int32_t child) {
      const double draft_probability = probability_of(drawn_from, tokens[child]);
      return is_accepted(rho * accept[child], probability_of(law, tokens[child]), draft_probability);
    });
    if (accepted == tried.end()) {
      if (tried.size() == 1) align(drawn_from, law, aligned);
      verdict.next_token = sample_rest(law, aligned, tried.size(), rho, uniform);
      return verdict;
    }
    node = *accepted;
    verdict.accepted.push_back(node);
  }
}

}  // namespace outrider
