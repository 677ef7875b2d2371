#include "sampling/sampler_chain.h"

#include <cmath>
#include <limits>
#include <vector>

#include "test/check.h"

namespace outrider {

namespace {

// Logits whose softmax is {0.5, 0.25, 0.125, 0.125}.
const std::vector<float> kLogits{std::log(4.0F), std::log(2.0F), 0.0F, 0.0F};

Rows row_of(SamplerParams params, const std::vector<float>& logits = kLogits, const std::vector<int32_t>& history = {},
            int32_t n_limit = std::numeric_limits<int32_t>::max()) {
  SamplerChain chain(std::move(params));
  Rows rows;
  CHECK(chain.apply(logits.data(), static_cast<int32_t>(logits.size()), n_limit, Span<const int32_t>(history), rows));
  CHECK(rows.n_rows() == 1);
  return rows;
}

bool is_close(const Rows& rows, const std::vector<int32_t>& ids, const std::vector<double>& probs) {
  if (std::vector<int32_t>(rows.ids.begin(), rows.ids.end()) != ids) return false;
  for (size_t i = 0; i < probs.size(); i++) {
    if (std::fabs(rows.probs[i] - probs[i]) > 1e-6) return false;
  }
  return true;
}

TEST("without parameters a row is the softmax of the logits") {
  CHECK(is_close(row_of({}), {0, 1, 2, 3}, {0.5, 0.25, 0.125, 0.125}));
}

TEST("temperature 0 is one-hot on the likeliest token, the first of equals") {
  SamplerParams params;
  params.temperature = 0;
  CHECK(is_close(row_of(params), {0}, {1}));
  CHECK(is_close(row_of(params, {1, 2, 2}), {1}, {1}));
}

TEST("temperature divides the logits") {
  SamplerParams params;
  params.temperature = 0.5;
  CHECK(is_close(row_of(params), {0, 1, 2, 3}, {16.0 / 22, 4.0 / 22, 1.0 / 22, 1.0 / 22}));
}

TEST("top-k, top-p and min-p keep the likeliest tokens in token-id order") {
  SamplerParams top_k;
  top_k.top_k = 2;
  CHECK(is_close(row_of(top_k, {0, 3, 1, 3}), {1, 3}, {0.5, 0.5}));
  SamplerParams top_p;
  top_p.top_p = 0.7;
  CHECK(is_close(row_of(top_p), {0, 1}, {2.0 / 3, 1.0 / 3}));
  SamplerParams min_p;
  min_p.min_p = 0.4;
  CHECK(is_close(row_of(min_p), {0, 1}, {2.0 / 3, 1.0 / 3}));
}

TEST("tokens beyond the limit are left out") {
  CHECK(is_close(row_of({}, kLogits, {}, 2), {0, 1}, {2.0 / 3, 1.0 / 3}));
}

TEST("a logit bias of minus infinity forbids a token, and forbidding all is an error") {
  SamplerParams params;
  params.logit_bias = {{0, -std::numeric_limits<double>::infinity()}};
  CHECK(is_close(row_of(params), {1, 2, 3}, {0.5, 0.25, 0.25}));
  for (int32_t token = 1; token < 4; token++)
    params.logit_bias.emplace_back(token, -std::numeric_limits<double>::infinity());
  SamplerChain chain(params);
  Rows rows;
  CHECK(!chain.apply(kLogits.data(), 4, 4, {}, rows));
}

TEST("logits that are not numbers are an error") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> logits{nan, nan};
  SamplerChain chain(SamplerParams{});
  Rows rows;
  CHECK(!chain.apply(logits.data(), 2, 2, {}, rows));
}

TEST("presence and frequency penalties count what the history holds") {
  SamplerParams params;
  params.presence_penalty = std::log(2.0);
  CHECK(is_close(row_of(params, kLogits, {0, 0}), {0, 1, 2, 3}, {1.0 / 3, 1.0 / 3, 1.0 / 6, 1.0 / 6}));
  params.presence_penalty = 0;
  params.frequency_penalty = std::log(2.0);
  CHECK(is_close(row_of(params, kLogits, {0, 0}), {0, 1, 2, 3}, {0.2, 0.4, 0.2, 0.2}));
  CHECK(SamplerChain(params).needs_history());
}

TEST("the repeat penalty divides positive logits and multiplies negative ones") {
  SamplerParams params;
  params.repeat_penalty = 2;
  const std::vector<float> logits{2, -1, 0};
  const Rows rows = row_of(params, logits, {0, 1});
  const double total = std::exp(1.0) + std::exp(-2.0) + 1;
  CHECK(is_close(rows, {0, 1, 2}, {std::exp(1.0) / total, std::exp(-2.0) / total, 1 / total}));
}

TEST("DRY lowers the token that would continue a repetition") {
  SamplerParams params;
  params.dry_multiplier = 1;
  params.dry_base = 2;
  params.dry_allowed_length = 2;
  // ... 1 2 3 ... 1 2: a 3 would repeat a run of three; the penalty is 1 * 2^(2 - 2).
  const Rows rows = row_of(params, {0, 0, 0, 0}, {1, 2, 3, 0, 1, 2});
  const double total = 3 + std::exp(-1.0);
  CHECK(is_close(rows, {0, 1, 2, 3}, {1 / total, 1 / total, 1 / total, std::exp(-1.0) / total}));
}

}  // namespace

}  // namespace outrider
