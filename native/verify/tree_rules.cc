// Rules that go on with what a child left of the target: recursive rejection, greedy multi-draft, traversal.
#include <algorithm>

#include "sampling/lanes.h"
#include "verify/verifiers.h"

namespace outrider {

namespace {

// What is left of a target row while children are rejected; the row itself until then.
class Remainder {
 public:
  explicit Remainder(DistView law) : law_(law) {}

  DistView view() const { return law_; }

  // Goes on with (ratio * p - q)+, normalised; with p where that has no mass. Returns the mass.
  double subtract(DistView draft, double ratio) {
    const double mass = residual_weights(law_, draft, ratio, spare_ids_, spare_probs_);
    if (!(mass > 0)) return 0;
    scale(spare_probs_.data(), spare_probs_.size(), 1 / mass);
    ids_.swap(spare_ids_);
    probs_.swap(spare_probs_);
    law_ = {ids_.data(), probs_.data(), ids_.size()};
    return mass;
  }

 private:
  TokenIds ids_;
  Probabilities probs_;
  TokenIds spare_ids_;
  Probabilities spare_probs_;
  DistView law_;
};

class Traversal {
 public:
  Traversal(const int32_t* tokens, const int32_t* parents, size_t n, const Rows& target, const Rows* draft,
            const double* accept, const double* sample)
      : tokens_(tokens),
        target_(target),
        draft_(draft),
        accept_(accept),
        sample_(sample),
        children_(children_of(parents, n)) {}

  Verdict run() {
    visit(-1, 1.0);
    std::reverse(verdict_.accepted.begin(), verdict_.accepted.end());
    return verdict_;
  }

 private:
  // True when the accepted path ends at or below the node; `depth_` is the node's, 0 for the root.
  bool visit(int32_t node, double ratio) {
    Remainder left(view_of(target_, static_cast<size_t>(node + 1)));
    const std::vector<int32_t>& children = children_[static_cast<size_t>(node + 1)];
    for (const int32_t child : children) {
      const int32_t token = tokens_[child];
      const DistView law = draft_law(draft_, static_cast<size_t>(child), tokens_ + child);
      const double draft_probability = probability_of(law, token);
      const double child_ratio =
          draft_probability > 0 ? std::min(1.0, ratio * probability_of(left.view(), token) / draft_probability) : 0.0;
      depth_++;
      const bool is_taken = visit(child, child_ratio);
      depth_--;
      if (is_taken) {
        if (node >= 0) verdict_.accepted.push_back(node);
        return true;
      }
      const double mass = left.subtract(law, ratio);
      const double total = mass + (1.0 - ratio);
      ratio = total > 0 ? mass / total : 1.0;
    }
    if (node >= 0 && !(accept_[node] < ratio)) return false;
    verdict_.next_token = sample_categorical(left.view(), sample_[depth_]);
    verdict_.bonus = children.empty();
    if (node >= 0) verdict_.accepted.push_back(node);
    return true;
  }

  const int32_t* tokens_;
  const Rows& target_;
  const Rows* draft_;
  const double* accept_;
  const double* sample_;
  const std::vector<std::vector<int32_t>> children_;
  size_t depth_ = 0;
  Verdict verdict_;
};

}  // namespace

Verdict verify_recursive(const int32_t* tokens, const int32_t* parents, size_t n, const Rows& target, const Rows* draft,
                         const double* accept, const double* sample) {
  const std::vector<std::vector<int32_t>> children = children_of(parents, n);
  Verdict verdict;
  for (int32_t node = -1;;) {
    Remainder left(view_of(target, static_cast<size_t>(node + 1)));
    const std::vector<int32_t>& tried = children[static_cast<size_t>(node + 1)];
    const auto accepted = std::find_if(tried.begin(), tried.end(), [&](int32_t child) {
      const DistView law = draft_law(draft, static_cast<size_t>(child), tokens + child);
      const double draft_probability = probability_of(law, tokens[child]);
      if (is_accepted(accept[child], probability_of(left.view(), tokens[child]), draft_probability)) {
        return true;
      }
      left.subtract(law, 1.0);
      return false;
    });
    if (accepted == tried.end()) {
      verdict.next_token = sample_categorical(left.view(), sample[verdict.accepted.size()]);
      verdict.bonus = tried.empty();
      return verdict;
    }
    node = *accepted;
    verdict.accepted.push_back(node);
  }
}

Verdict verify_greedy_multi_draft(const int32_t* tokens, const int32_t* parents, size_t n, const Rows& target,
                                  const Rows* draft, const double* accept, const double* sample) {
  const std::vector<std::vector<int32_t>> children = children_of(parents, n);
  Verdict verdict;
  for (int32_t node = -1;;) {
    Remainder left(view_of(target, static_cast<size_t>(node + 1)));
    const double uniform = sample[verdict.accepted.size()];
    const std::vector<int32_t>& tried = children[static_cast<size_t>(node + 1)];
    if (tried.empty()) {
      verdict.next_token = sample_categorical(left.view(), uniform);
      verdict.bonus = true;
      return verdict;
    }
    node = tried.back();
    const DistView law = draft_law(draft, static_cast<size_t>(node), tokens + node);
    const double draft_probability = probability_of(law, tokens[node]);
    const double target_probability = probability_of(left.view(), tokens[node]);
    if (!is_accepted(accept[node], target_probability, draft_probability)) {
      left.subtract(law, 1.0);
      const int32_t token = sample_categorical(left.view(), uniform);
      const auto holder =
          std::find_if(tried.begin(), tried.end(), [&](int32_t child) { return tokens[child] == token; });
      if (holder == tried.end()) {
        verdict.next_token = token;
        return verdict;
      }
      node = *holder;
    }
    verdict.accepted.push_back(node);
  }
}

Verdict verify_traversal(const int32_t* tokens, const int32_t* parents, size_t n, const Rows& target, const Rows* draft,
                         const double* accept, const double* sample) {
  return Traversal(tokens, parents, n, target, draft, accept, sample).run();
}

}  // namespace outrider
