// Experts that the tokens of a batch leave out.
#pragma once

#include <cstdint>
#include <vector>

#include "llama-sparse.h"
#include "sparse/plan.h"

namespace outrider {

// Adds the skipping of experts to a graph.
// Jiang et al., arXiv:2512.21911, section on experts; Lu et al., arXiv:2402.14800: the m lightest experts of a token are
// skipped for the largest m up to a cap for which their share of the token's weights is below a calibrated number.
// Added: experts that a single token of the batch wants, and hardly, since each costs its weights.
class ExpertGraph {
 public:
  // Forgets the graph before.
  void begin() { inputs_.clear(); }
  void build(llama_sparse_experts& layer, const SparsePlan& plan);
  void set_inputs() const;

 private:
  struct Input {
    ggml_tensor* tensor;
    std::vector<float> values;
  };
  ggml_tensor* lightest(const llama_sparse_experts& layer, const SparsePlan& plan, ggml_tensor* shares,
                        int64_t n_skipped);
  ggml_tensor* others(ggml_context* ctx, ggml_tensor* experts, ggml_tensor* kept, int64_t n_experts);
  ggml_tensor* lone(ggml_context* ctx, ggml_tensor* experts, ggml_tensor* shares, float limit);
  ggml_tensor* input(ggml_context* ctx, int64_t ne0, int64_t ne1, std::vector<float> values);

  std::vector<Input> inputs_;
};

}  // namespace outrider
