// Turns a row of logits into a distribution: the C++ twin of src/sampling/transforms.ts.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "core/span.h"
#include "sampling/rows.h"

namespace outrider {

struct SamplerParams {
  std::vector<std::pair<int32_t, double>> logit_bias;
  double repeat_penalty = 1.0;
  double frequency_penalty = 0.0;
  double presence_penalty = 0.0;
  int32_t penalty_last_n = 64;  // -1: all
  double dry_multiplier = 0.0;
  double dry_base = 1.75;
  int32_t dry_allowed_length = 2;
  int32_t dry_penalty_last_n = -1;  // -1: all
  std::vector<int32_t> dry_sequence_breakers;
  double temperature = 1.0;
  int32_t top_k = 0;
  double top_p = 1.0;
  double min_p = 0.0;
  double typical_p = 1.0;
};

struct Candidate {
  int32_t id;
  double value;  // logit, later probability
};

class SamplerChain {
 public:
  explicit SamplerChain(SamplerParams params);

  // Appends one row to `rows`. `history` is the path up to and including the token the logits follow.
  // Returns false when the largest logit is not finite. Tokens from `n_limit` on are left out. Not thread-safe.
  bool apply(const float* logits, int32_t n_vocab, int32_t n_limit, Span<const int32_t> history, Rows& rows);

  // True when a row depends on more than the logits.
  bool needs_history() const;
  const SamplerParams& params() const { return params_; }

 private:
  void adjust(Span<const int32_t> history);
  template <typename Logit>
  bool append(const Logit* logits, size_t n, Rows& rows);
  template <typename Logit>
  bool append_likeliest(const Logit* logits, size_t n, Rows& rows);
  // The distribution of all logits, without truncation.
  template <typename Logit>
  bool append_whole(const Logit* logits, size_t n, Rows& rows) const;
  template <typename Logit>
  void keep_top_k(const Logit* logits, size_t n);
  void keep_top_p();
  void keep_min_p();
  void keep_typical();

  SamplerParams params_;
  std::vector<double> logits_;  // with penalties and bias
  std::vector<Candidate> candidates_;
};

// Repetition, frequency and presence penalties on the tokens of `history`.
void apply_penalties(const SamplerParams& params, Span<const int32_t> history, std::vector<double>& logits);

// The DRY penalty on tokens that would extend a repeated run.
void apply_dry(const SamplerParams& params, Span<const int32_t> history, std::vector<double>& logits);

}  // namespace outrider
