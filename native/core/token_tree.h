// Token trees as parent indices: depths, leaves and the sequence ids that make the attention mask.
#pragma once

#include <cstdint>
#include <vector>

#include "core/span.h"
#include "core/status.h"

namespace outrider {

struct TokenTree {
  std::vector<int32_t> parents;              // [n], -1 for the children of the sequence's tip
  std::vector<int32_t> depths;               // [n], from 0
  std::vector<int32_t> leaf_of;              // [n], index of the first leaf at or below the node
  std::vector<std::vector<int32_t>> leaves;  // [n], indices of all leaves at or below the node, ascending
  int32_t n_leaves = 0;

  // `parents` empty means a chain of `n` tokens. Fails with kShape when a parent does not come before its child.
  static Status build(Span<const int32_t> parents, int32_t n, TokenTree& tree);

  // Indices from the first node to `node`, inclusive.
  std::vector<int32_t> path(int32_t node) const;
};

}  // namespace outrider
