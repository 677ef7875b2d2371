// Channels of feed-forward parts that no token of a batch needs.
#pragma once

#include <cstdint>
#include <deque>

#include "llama-sparse.h"
#include "sparse/plan.h"

namespace outrider {

// Adds the skipping of channels to a graph.
// Jiang et al., arXiv:2512.21911, section on feed-forward parts: channels whose activation is small are left out of the
// products on the way up and down. Changed: whole blocks of neighbouring channels that are below the threshold for all
// tokens of the batch, since anything less reads the weights anyway; channels of other blocks are computed as ever.
class FfnGraph {
 public:
  // Forgets the graph before.
  void begin() {
    parts_.clear();
    n_layers_ = 0;
  }
  // Where the layer's weights lie as in the file, in the memory of the CPU; `is_planned`: for a batch under the plan.
  void build(llama_sparse_ffn& layer, const SparsePlan& plan, bool is_planned);

  // Layers of the last graph whose channels could be left out.
  int32_t n_layers() const { return n_layers_; }

 private:
  // What the operations of a layer are told; it stays where it is.
  struct Part {
    float threshold;
    ggml_unary_op op;
    int64_t n_channels;  // of a block
  };
  static void way_up(ggml_tensor* hidden, int ith, int nth, void* part);
  static void way_down(ggml_tensor* output, int ith, int nth, void* part);

  std::deque<Part> parts_;
  int32_t n_layers_ = 0;
};

}  // namespace outrider
