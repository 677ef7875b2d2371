// What a plan could leave out of experts and feed-forward parts, measured on the tokens of a batch.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "llama-sparse.h"

namespace outrider {

struct FeedForwardMeasure {
  // [n_thresholds]: share of the channels whose gate activation is below the threshold ...
  std::vector<float> per_token;   // for a token, on average
  std::vector<float> per_batch;   // for all tokens of the batch at once
  std::vector<float> per_blocks;  // likewise, in whole blocks of neighbouring channels
};

struct ExpertMeasure {
  int32_t n_used = 0;
  std::vector<float> shares;  // [n_tokens, n_used - 1]: of the m lightest experts in a token's weights, m = 1 ..
};

// Adds measuring to a graph; nothing that is computed changes.
class MeasureGraph {
 public:
  // Channels that are left out together: what the quantised columns of the matrix that leads down are made of, at least 32.
  static int64_t block_channels(const ggml_tensor* down);

  void begin();
  void feed_forward(const llama_sparse_ffn& layer, const std::vector<float>& thresholds);
  void experts(const llama_sparse_experts& layer);
  std::map<int32_t, FeedForwardMeasure> feed_forwards() const;
  std::map<int32_t, ExpertMeasure> expert_shares() const;

 private:
  struct Counted {
    ggml_tensor* per_token;   // [1]: sums
    ggml_tensor* per_batch;   // [1]
    ggml_tensor* per_blocks;  // [1]
    int64_t n_channels;
    int64_t n_block;
    int64_t n_tokens;
  };
  std::map<int32_t, std::vector<Counted>> counted_;  // by layer, [n_thresholds]
  std::map<int32_t, ggml_tensor*> weights_;          // by layer, [n_used, n_tokens]
};

}  // namespace outrider
