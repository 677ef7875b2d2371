// Log-probabilities of single tokens under a row of logits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace outrider {

// log softmax of a row of logits at `token`, and at its `n_top` likeliest tokens.
struct TokenLogprobs {
  std::vector<int32_t> ids;      // [1 + n_top]: the token, then the likeliest ones, the smaller id on ties
  std::vector<double> logprobs;  // [1 + n_top]
};

TokenLogprobs token_logprobs(const float* logits, size_t n_vocab, int32_t token, size_t n_top);

}  // namespace outrider
