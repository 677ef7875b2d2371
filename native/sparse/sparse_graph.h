// What a plan changes in the graphs of a context: attention over the blocks of a KV cache that a batch's first query
// asks for, and experts that its tokens leave out.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "ggml-cpp.h"
#include "llama-sparse.h"
#include "sparse/cell_blocks.h"
#include "sparse/expert_graph.h"
#include "sparse/ffn_graph.h"
#include "sparse/measure_graph.h"
#include "sparse/plan.h"

namespace outrider {

// What a layer's first query chose.
struct BlockChoice {
  std::vector<int32_t> blocks;  // ascending
  std::vector<float> scores;    // [n_blocks] attention that the mean keys predict for it and the block before
  std::vector<float> means;     // [n_blocks, n_head_kv, n_embd_head] the mean keys
  std::vector<float> query;     // [n_head, n_embd_head] of the batch's first token
};

// Changes the graphs of one context while a plan is set.
// Jiang et al., arXiv:2512.21911, section on attention: mean keys of blocks against the first query, one set for all
// tokens of the batch, anchors that other layers follow. Changed: one set for all heads of a layer, by the attention
// that mean keys predict (softmax over blocks, summed over heads), so that kept rows can be gathered for any kernel;
// and a block counts with what the one before it is worth, for a batch reads on where its first token looks.
class SparseGraph : public llama_sparse_hooks {
 public:
  explicit SparseGraph(llama_context* context) : context_(context), cells_(llama_sparse_cells(context)) {}
  ~SparseGraph() override = default;
  SparseGraph(const SparseGraph&) = delete;
  SparseGraph& operator=(const SparseGraph&) = delete;

  // False where the memory has no cells to choose from.
  bool is_supported() const { return cells_ != nullptr; }

  // The next llama_decode runs under this plan: `n_tokens` tokens of a sequence, whose first follows `n_past` others.
  // The caller has put the cells of the sequence in order. A plan that leaves nothing out gives a dense graph.
  void start(const SparsePlan& plan, int32_t sequence, int32_t n_past, int32_t n_tokens);
  // After llama_decode: later ones are dense again.
  void finish(bool has_succeeded);

  // Layers whose attention went through the hook in the last graph that was built.
  int32_t n_layers_seen() const { return n_layers_seen_; }
  // Layers with experts, likewise, and the experts that a token of them uses.
  int32_t n_expert_layers_seen() const { return n_expert_layers_seen_; }
  int32_t n_experts_used() const { return n_experts_used_; }
  // Layers whose feed-forward channels could be left out, likewise.
  int32_t n_ffn_layers_seen() const { return ffn_.n_layers(); }
  // Of the last decode under a plan that keeps its choice, by layer; anchors only.
  std::map<int32_t, BlockChoice> choices() const;
  // Another graph is about to be computed where the choices lie.
  void forget_choices() {
    choices_.clear();
    measures_.begin();
  }
  // Of the last decode under a plan that measures.
  const MeasureGraph& measures() const { return measures_; }

  void begin() override;
  void attention(llama_sparse_attention& layer) override;
  void experts(llama_sparse_experts& layer) override;
  void feed_forward(llama_sparse_ffn& layer) override;
  void set_inputs() override;

 private:
  struct Inputs {
    ggml_tensor* relevance = nullptr;  // [n_blocks]
    ggml_tensor* priority = nullptr;   // [n_blocks]
    ggml_tensor* blocks = nullptr;     // [n_updates] blocks whose mean keys are computed
    ggml_tensor* cells = nullptr;      // [block_size * n_updates] their cells
    ggml_tensor* weights = nullptr;    // [block_size, n_updates] of each cell in its mean
  };
  // What an anchor chose, in the graph.
  struct Choice {
    ggml_tensor* scores = nullptr;    // [n_blocks]
    ggml_tensor* query = nullptr;     // as of BlockChoice, where it is kept
    ggml_tensor* blocks = nullptr;    // [n_kept]
    ggml_tensor* gathered = nullptr;  // the mask of the kept cells
    ggml_tensor* masked = nullptr;    // the mask of all cells
  };

  void start_attention(const SparsePlan& plan, int32_t sequence, int32_t n_past, int32_t n_tokens);
  uint64_t key() const;
  bool is_anchor(int32_t layer) const;
  void make_inputs(ggml_context* ctx, int64_t n_blocks);
  ggml_tensor* mean_keys(const llama_sparse_attention& layer);
  void choose(const llama_sparse_attention& layer, int64_t n_kept);
  void gather(llama_sparse_attention& layer);
  void hide(llama_sparse_attention& layer);

  llama_context* context_;
  const llama_kv_cells* cells_;
  SparsePlan plan_;
  BlockRequest request_;
  CellBlocks known_;
  int32_t known_block_size_ = 0;
  std::vector<int32_t> known_anchors_;
  int32_t n_tokens_ = 0;
  int32_t n_kept_ = 0;
  int32_t n_updates_ = 0;
  uint64_t version_ = 0;  // of cells, before the batch
  std::vector<int32_t> updated_;
  int32_t n_layers_seen_ = 0;
  int32_t n_expert_layers_seen_ = 0;
  int32_t n_experts_used_ = 0;
  ExpertGraph experts_;
  FfnGraph ffn_;
  MeasureGraph measures_;

  Inputs inputs_;
  Choice choice_;
  std::map<int32_t, Choice> choices_;

  // Mean keys of an anchor's blocks, [n_embd_k, n_blocks] in the memory of its cache.
  struct Means {
    ggml_context_ptr context;
    ggml_backend_buffer_ptr buffer;
    ggml_tensor* tensor = nullptr;
  };
  std::map<int32_t, Means> means_;
};

}  // namespace outrider
