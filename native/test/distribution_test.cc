#include "sampling/distribution.h"

#include <cmath>
#include <vector>

#include "test/check.h"

namespace outrider {

namespace {

struct Law {
  std::vector<int32_t> ids;
  std::vector<double> probs;
  DistView view() const { return {ids.data(), probs.data(), ids.size()}; }
};

const double kBelowOne = std::nextafter(1.0, 0.0);

TEST("a uniform walks the support in token-id order") {
  const Law law{{2, 5, 9}, {0.25, 0.25, 0.5}};
  CHECK(sample_categorical(law.view(), 0.0) == 2);
  CHECK(sample_categorical(law.view(), std::nextafter(0.25, 0.0)) == 2);
  CHECK(sample_categorical(law.view(), 0.25) == 5);
  CHECK(sample_categorical(law.view(), 0.5) == 9);
  CHECK(sample_categorical(law.view(), kBelowOne) == 9);
}

TEST("weights need not sum to one") {
  const Law law{{0, 1}, {3.0, 1.0}};
  CHECK(sample_categorical(law.view(), 0.7) == 0);
  CHECK(sample_categorical(law.view(), 0.8) == 1);
}

TEST("tokens of weight zero are never drawn, at either end") {
  const Law law{{0, 1, 2}, {0.0, 1.0, 0.0}};
  CHECK(sample_categorical(law.view(), 0.0) == 1);
  CHECK(sample_categorical(law.view(), kBelowOne) == 1);
}

TEST("a token outside the support has probability zero") {
  const Law law{{2, 5, 9}, {0.25, 0.25, 0.5}};
  CHECK(probability_of(law.view(), 9) == 0.5);
  for (const int32_t token : {-1, 0, 4, 10}) CHECK(probability_of(law.view(), token) == 0.0);
}

TEST("the residual is what the target has more than the draft") {
  const Law target{{0, 1, 2}, {0.5, 0.25, 0.25}};
  const Law draft{{0, 2, 3}, {0.25, 0.5, 0.25}};
  CHECK(residual_mass(target.view(), draft.view(), 1.0) == 0.5);
  // 0.25 of token 0 and 0.25 of token 1 are left.
  CHECK(sample_residual(target.view(), draft.view(), 1.0, 0.0) == 0);
  CHECK(sample_residual(target.view(), draft.view(), 1.0, std::nextafter(0.5, 0.0)) == 0);
  CHECK(sample_residual(target.view(), draft.view(), 1.0, 0.5) == 1);
  CHECK(sample_residual(target.view(), draft.view(), 1.0, kBelowOne) == 1);
}

TEST("the scale shrinks the target before the draft is taken off") {
  const Law target{{0, 1}, {0.5, 0.5}};
  const Law draft{{0, 1}, {0.25, 0.75}};
  CHECK(residual_mass(target.view(), draft.view(), 0.75) == 0.125);
  CHECK(residual_mass(target.view(), draft.view(), 0.5) == 0.0);
}

TEST("disjoint supports leave the whole target") {
  const Law target{{1, 3}, {0.5, 0.5}};
  const Law draft{{0, 2, 4}, {0.25, 0.5, 0.25}};
  CHECK(residual_mass(target.view(), draft.view(), 1.0) == 1.0);
  CHECK(sample_residual(target.view(), draft.view(), 1.0, 0.25) == 1);
  CHECK(sample_residual(target.view(), draft.view(), 1.0, 0.75) == 3);
}

TEST("equal laws leave nothing, and the target stands in") {
  const Law law{{1, 3}, {0.5, 0.5}};
  CHECK(residual_mass(law.view(), law.view(), 1.0) == 0.0);
  CHECK(sample_residual(law.view(), law.view(), 1.0, 0.25) == 1);
  CHECK(sample_residual(law.view(), law.view(), 1.0, 0.75) == 3);
}

}  // namespace

}  // namespace outrider
