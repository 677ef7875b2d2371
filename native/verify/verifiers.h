// Native twins of the verifiers in src/verify: same uniforms, same verdicts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sampling/distribution.h"
#include "sampling/rows.h"

namespace outrider {

struct Verdict {
  std::vector<int32_t> accepted;  // nodes from the root's child downwards
  int32_t next_token = -1;
  bool bonus = false;  // false: recovered
  double bias = 0;     // distance from the target's law that a lossy rule spent
};

inline DistView view_of(const Rows& rows, size_t row) {
  return {rows.row_ids(row), rows.row_probs(row), rows.row_size(row)};
}

// The row a node of a chain was drawn from; one-hot when the drafter is deterministic. Points into `token`.
inline DistView draft_law(const Rows* draft, size_t node, const int32_t* token) {
  static const double kOne = 1.0;
  return draft != nullptr ? view_of(*draft, node) : DistView{token, &kOne, 1};
}

// Children of the root and of each node, [n + 1], in drawing order.
inline std::vector<std::vector<int32_t>> children_of(const int32_t* parents, size_t n) {
  std::vector<std::vector<int32_t>> children(n + 1);
  for (size_t node = 0; node < n; node++) {
    children[static_cast<size_t>(parents[node] + 1)].push_back(static_cast<int32_t>(node));
  }
  return children;
}

// True when a uniform falls below min(1, p / q); multiplied out, as src/verify/rejection.ts has it.
inline bool is_accepted(double uniform, double target_probability, double draft_probability) {
  return draft_probability > 0 && uniform * draft_probability < target_probability;
}

// Follows the child that equals the token sampled from the target; any tree. `sample` is by depth.
Verdict verify_match(const int32_t* tokens, const int32_t* parents, size_t n, const Rows& target, const double* sample);

// Token-wise rejection sampling on a chain; with `epsilon` above 0 the lossy rule that accepts so much more.
Verdict verify_rejection(const int32_t* tokens, size_t n, const Rows& target, const Rows* draft, double epsilon,
                         const double* accept, const double* sample);

// Recursive rejection: the children of a node one by one, each against what the ones before left of the target.
Verdict verify_recursive(const int32_t* tokens, const int32_t* parents, size_t n, const Rows& target, const Rows* draft,
                         const double* accept, const double* sample);

// SpecTr's sequential selection: the children of a node one by one, all with one threshold.
Verdict verify_k_seq(const int32_t* tokens, const int32_t* parents, size_t n, const Rows& target, const Rows* draft,
                     const double* accept, const double* sample);

// Greedy multi-draft: the last child by ordinary rejection, else the child that the residual falls on.
Verdict verify_greedy_multi_draft(const int32_t* tokens, const int32_t* parents, size_t n, const Rows& target,
                                  const Rows* draft, const double* accept, const double* sample);

// Traversal verification: paths from their leaf upwards. Recurses as deep as the tree.
Verdict verify_traversal(const int32_t* tokens, const int32_t* parents, size_t n, const Rows& target, const Rows* draft,
                         const double* accept, const double* sample);

// Block verification on a chain.
Verdict verify_block(const int32_t* tokens, size_t n, const Rows& target, const Rows* draft, const double* accept,
                     const double* sample);

}  // namespace outrider
