#include <cmath>
#include <vector>

#include "test/check.h"
#include "verify/verifiers.h"

namespace outrider {

namespace {

const double kBelowOne = std::nextafter(1.0, 0.0);

Rows rows_of(const std::vector<std::vector<double>>& laws) {
  Rows rows;
  for (const auto& law : laws) {
    for (size_t token = 0; token < law.size(); token++) {
      if (law[token] == 0) continue;
      rows.ids.push_back(static_cast<int32_t>(token));
      rows.probs.push_back(law[token]);
    }
    rows.end_row();
  }
  return rows;
}

TEST("match follows the tokens that the target samples, down any branch") {
  const std::vector<int32_t> tokens{0, 1, 1};
  const std::vector<int32_t> parents{-1, -1, 1};
  const Rows target = rows_of({{0.5, 0.5}, {1, 0}, {0.5, 0.5}, {1, 0}});
  const double sample[] = {0.9, 0.9, 0.0};
  const Verdict verdict = verify_match(tokens.data(), parents.data(), 3, target, sample);
  CHECK(verdict.accepted == std::vector<int32_t>{1, 2});
  CHECK(verdict.bonus);
  CHECK(verdict.next_token == 0);
}

TEST("match without a fitting child ends with what the target sampled") {
  const std::vector<int32_t> tokens{0};
  const std::vector<int32_t> parents{-1};
  const Rows target = rows_of({{0.5, 0.5}, {1, 0}});
  const double sample[] = {0.9, 0.0};
  const Verdict verdict = verify_match(tokens.data(), parents.data(), 1, target, sample);
  CHECK(verdict.accepted.empty());
  CHECK(!verdict.bonus);
  CHECK(verdict.next_token == 1);
}

TEST("rejection accepts below the ratio of target and draft, and draws from the residual at it") {
  const std::vector<int32_t> tokens{0};
  const Rows target = rows_of({{0.25, 0.75}, {0, 1}});
  const Rows draft = rows_of({{0.5, 0.5}});
  const double sample[] = {0.0, 0.0};
  const double below = std::nextafter(0.5, 0.0);
  const double at = 0.5;
  const Verdict accepted = verify_rejection(tokens.data(), 1, target, &draft, 0, &below, sample);
  CHECK(accepted.accepted == std::vector<int32_t>{0});
  CHECK(accepted.bonus && accepted.next_token == 1);
  const Verdict rejected = verify_rejection(tokens.data(), 1, target, &draft, 0, &at, sample);
  CHECK(rejected.accepted.empty());
  CHECK(!rejected.bonus && rejected.next_token == 1);
}

TEST("equal laws accept everything, whatever the uniforms") {
  const std::vector<int32_t> tokens{0, 1, 0};
  const Rows target = rows_of({{0.3, 0.7}, {0.6, 0.4}, {0.5, 0.5}, {1, 0}});
  const Rows draft = rows_of({{0.3, 0.7}, {0.6, 0.4}, {0.5, 0.5}});
  const double accept[] = {kBelowOne, kBelowOne, kBelowOne};
  const double sample[] = {0, 0, 0, 0};
  CHECK(verify_rejection(tokens.data(), 3, target, &draft, 0, accept, sample).accepted.size() == 3);
  CHECK(verify_block(tokens.data(), 3, target, &draft, accept, sample).accepted.size() == 3);
}

TEST("disjoint laws accept nothing") {
  const std::vector<int32_t> tokens{0, 0};
  const Rows target = rows_of({{0, 1}, {0, 1}, {0, 1}});
  const Rows draft = rows_of({{1, 0}, {1, 0}});
  const double accept[] = {0, 0};
  const double sample[] = {0.5, 0.5, 0.5};
  for (const Verdict& verdict : {verify_rejection(tokens.data(), 2, target, &draft, 0, accept, sample),
                                 verify_block(tokens.data(), 2, target, &draft, accept, sample)}) {
    CHECK(verdict.accepted.empty());
    CHECK(!verdict.bonus && verdict.next_token == 1);
  }
}

TEST("an empty chain draws a bonus token from the target") {
  const Rows target = rows_of({{0.5, 0.5}});
  const double sample[] = {0.75};
  for (const Verdict& verdict : {verify_match(nullptr, nullptr, 0, target, sample),
                                 verify_rejection(nullptr, 0, target, nullptr, 0, nullptr, sample),
                                 verify_block(nullptr, 0, target, nullptr, nullptr, sample)}) {
    CHECK(verdict.accepted.empty());
    CHECK(verdict.bonus && verdict.next_token == 1);
  }
}

}  // namespace

}  // namespace outrider
