#include "core/token_tree.h"

#include <algorithm>
#include <string>

namespace outrider {

Status TokenTree::build(Span<const int32_t> parents, int32_t n, TokenTree& tree) {
  if (!parents.empty() && parents.size() != static_cast<size_t>(n)) {
    return Status::error(StatusCode::kShape, "Expected " + std::to_string(n) + " parents but received " +
                                                 std::to_string(parents.size()) + ".");
  }
  const auto count = static_cast<size_t>(n);
  tree.parents.resize(count);
  tree.depths.resize(count);
  std::vector<bool> has_child(count, false);
  for (int32_t node = 0; node < n; node++) {
    const auto at = static_cast<size_t>(node);
    const int32_t parent = parents.empty() ? node - 1 : parents[at];
    if (parent < -1 || parent >= node) {
      return Status::error(StatusCode::kShape, "Expected the parent of node " + std::to_string(node) + " in [-1, " +
                                                   std::to_string(node) + ") but received " + std::to_string(parent) +
                                                   ".");
    }
    tree.parents[at] = parent;
    tree.depths[at] = parent < 0 ? 0 : tree.depths[static_cast<size_t>(parent)] + 1;
    if (parent >= 0) has_child[static_cast<size_t>(parent)] = true;
  }
  tree.leaves.assign(count, {});
  tree.n_leaves = 0;
  for (int32_t node = 0; node < n; node++) {
    if (has_child[static_cast<size_t>(node)]) continue;
    for (int32_t at = node; at >= 0; at = tree.parents[static_cast<size_t>(at)]) {
      tree.leaves[static_cast<size_t>(at)].push_back(tree.n_leaves);
    }
    tree.n_leaves++;
  }
  tree.leaf_of.resize(count);
  for (size_t node = 0; node < count; node++) tree.leaf_of[node] = tree.leaves[node].front();
  return {};
}

std::vector<int32_t> TokenTree::path(int32_t node) const {
  std::vector<int32_t> nodes;
  for (int32_t at = node; at >= 0; at = parents[static_cast<size_t>(at)]) nodes.push_back(at);
  std::reverse(nodes.begin(), nodes.end());
  return nodes;
}

}  // namespace outrider
