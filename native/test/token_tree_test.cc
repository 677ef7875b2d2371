#include "core/token_tree.h"

#include "test/check.h"

namespace outrider {

namespace {

using Ints = std::vector<int32_t>;

Status build(const Ints& parents, int32_t n, TokenTree& tree) {
  return TokenTree::build(Span<const int32_t>(parents), n, tree);
}

TEST("no parents mean a chain with one leaf") {
  TokenTree tree;
  CHECK(build({}, 3, tree).ok());
  CHECK(tree.parents == Ints{-1, 0, 1});
  CHECK(tree.depths == Ints{0, 1, 2});
  CHECK(tree.n_leaves == 1);
  CHECK(tree.leaf_of == Ints{0, 0, 0});
}

TEST("a branching tree knows the leaves below each node") {
  TokenTree tree;
  //   0 - 1 - 3
  //     \ 2
  //   4
  CHECK(build({-1, 0, 0, 1, -1}, 5, tree).ok());
  CHECK(tree.depths == Ints{0, 1, 1, 2, 0});
  CHECK(tree.n_leaves == 3);
  CHECK(tree.leaves == std::vector<Ints>{{0, 1}, {1}, {0}, {1}, {2}});
  CHECK(tree.leaf_of == Ints{0, 1, 0, 1, 2});
}

TEST("a path runs from the first node to the one asked for") {
  TokenTree tree;
  CHECK(build({-1, 0, 0, 1, -1}, 5, tree).ok());
  CHECK(tree.path(3) == Ints{0, 1, 3});
  CHECK(tree.path(4) == Ints{4});
  CHECK(tree.path(-1).empty());
}

TEST("a tree may be built again on top of an older one") {
  TokenTree tree;
  CHECK(build({-1, -1, -1}, 3, tree).ok());
  CHECK(build({}, 2, tree).ok());
  CHECK(tree.n_leaves == 1);
  CHECK(tree.leaves == std::vector<Ints>{{0}, {0}});
}

TEST("an empty tree has no leaves") {
  TokenTree tree;
  CHECK(build({}, 0, tree).ok());
  CHECK(tree.n_leaves == 0);
  CHECK(tree.parents.empty());
}

TEST("a parent must come before its child") {
  TokenTree tree;
  for (const Ints& parents : {Ints{0, 0}, Ints{-1, 1}, Ints{-1, 2}, Ints{-2, 0}}) {
    CHECK(build(parents, 2, tree).code == StatusCode::kShape);
  }
}

TEST("there must be one parent for each token") {
  TokenTree tree;
  CHECK(build({-1}, 2, tree).code == StatusCode::kShape);
  CHECK(build({-1, 0, 1}, 2, tree).code == StatusCode::kShape);
}

}  // namespace

}  // namespace outrider
