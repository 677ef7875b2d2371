#include "verify/verifiers.h"

namespace outrider {

Verdict verify_match(const int32_t* tokens, const int32_t* parents, size_t n, const Rows& target,
                     const double* sample) {
  Verdict verdict;
  int32_t node = -1;
  while (true) {
    const auto row = static_cast<size_t>(node + 1);
    verdict.next_token = sample_categorical(view_of(target, row), sample[verdict.accepted.size()]);
    int32_t child = -1;
    bool has_children = false;
    for (size_t next = row; next < n; next++) {
      if (parents[next] != node) continue;
      has_children = true;
      if (tokens[next] == verdict.next_token) {
        child = static_cast<int32_t>(next);
        break;
      }
    }
    if (child < 0) {
      verdict.bonus = !has_children;
      return verdict;
    }
    verdict.accepted.push_back(child);
    node = child;
  }
}

}  // namespace outrider
