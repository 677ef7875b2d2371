// A llama.cpp context with sequences, token trees and distributions. All members but the abort run on its pool's
// thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/compute_pool.h"
#include "core/model.h"
#include "core/span.h"
#include "core/status.h"
#include "core/token_tree.h"
#include "draft/growth.h"
#include "sampling/rows.h"
#include "sampling/sampler_chain.h"
#include "sparse/plan.h"

namespace outrider {

class SparseGraph;

struct ContextOptions {
  int32_t n_ctx = 0;  // 0: what the model was trained with
  int32_t n_batch = 2048;
  int32_t n_ubatch = 512;
  int32_t n_sequences = 1;
  int32_t n_scratch = 63;  // sequence ids for the leaves of token trees
  int32_t n_rollback = 0;  // tokens a recurrent model keeps snapshots for
  ggml_type type_k = GGML_TYPE_F16;
  ggml_type type_v = GGML_TYPE_F16;
  llama_flash_attn_type flash_attention = LLAMA_FLASH_ATTN_TYPE_AUTO;
  bool offload_kv = true;
};

// What the memory of a context can undo.
enum class Rollback { kFull, kBounded, kNone };

constexpr int32_t kNoCommit = INT32_MIN;
constexpr int32_t kMaxOutputs = 512;  // rows that one decode can turn into distributions

struct DecodeRequest {
  int32_t sequence = 0;
  int32_t commit = kNoCommit;    // node of the last tree whose path is kept first, as by Context::commit
  int32_t n_past = 0;            // cells of the sequence to keep; what lies beyond is rolled back first
  std::vector<int32_t> tokens;   // [n]
  std::vector<int32_t> parents;  // [n] or empty for a chain
  std::vector<int32_t> outputs;  // indices of the rows to turn into distributions, ascending
  std::vector<int32_t> history;  // tokens before the batch, for penalties
  std::shared_ptr<SamplerChain> sampler;
  int32_t n_vocab_limit = INT32_MAX;
  bool keeps_logits = false;  // the rows keep what they were made from
  SparsePlan sparse;          // what the batch leaves out
};

struct Timings {
  double decode_ms = 0;
  double sampling_ms = 0;
};

struct DraftRequest {
  DecodeRequest prefix;  // tokens the draft context has not seen, the root last; `outputs` is ignored
  int32_t n_draft = 0;
  std::vector<double> uniforms;  // [n_draft] for sampled drafting, empty for the likeliest token
  double min_probability = 0;    // stops before a draw when the row's largest probability is below
  bool extends = false;      // true: drawn tokens stay in the sequence, and `rows` holds of each row its token alone
  bool stop_at_end = false;  // stops after drawing an end-of-generation token
  // Called with all tokens and rows after each draw, on the pool's thread; false stops.
  std::function<bool(Span<const int32_t> tokens, const Rows& rows, const Timings& timings)> on_token;
};

struct GrowRequest {
  DecodeRequest prefix;  // as of a DraftRequest
  GrowthRules rules;
  std::vector<double> uniforms;  // [rules.n_nodes] where tokens are sampled
  int32_t max_leaves = INT32_MAX;
};

// A tree of drawn tokens. Nodes are in drawing order.
struct GrownTree {
  std::vector<int32_t> tokens;
  std::vector<int32_t> parents;
  std::vector<double> probabilities;  // of each token in the row it was drawn from
  std::vector<uint8_t> decoded;       // 1: the node's cells are in the cache
  Rows rows;                          // what each node was drawn from; empty where the likeliest tokens are taken
};

class Context {
 public:
  static Status create(std::shared_ptr<Model> model, std::shared_ptr<ComputePool> pool, const ContextOptions& options,
                       std::shared_ptr<Context>& context);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  // Decodes a tree of tokens and appends one distribution per output to `rows`. The cells stay until the next
  // decode keeps fewer, so a chain is rolled back for free.
  Status decode(const DecodeRequest& request, uint64_t epoch, Rows& rows, Timings& timings);

  // Decodes the prefix, then draws up to n_draft tokens one after the other; `rows` holds what each was drawn from.
  // Where the state cannot go back, tokens are drawn on a copy of it.
  Status draft(const DraftRequest& request, uint64_t epoch, std::vector<int32_t>& tokens, Rows& rows, Timings& timings);

  // Decodes the prefix, then grows a tree of drawn tokens below it. Nodes are decoded as their children are wanted, as
  // many as possible at once; they stay below the tip as a decoded tree does. The state has to be one that can branch.
  Status grow(const GrowRequest& request, uint64_t epoch, GrownTree& tree, Timings& timings);

  // Keeps the path to `node` of the last decoded tree (-1: none of it) and frees the ids of all other leaves.
  Status commit(int32_t sequence, int32_t node);

  // Drops cells from position `n_past` on; a recurrent state that cannot go back is cleared, see `length`.
  Status truncate(int32_t sequence, int32_t n_past);

  // Makes the sequence `length` tokens long without computing them: what they hold is of no use, but what comes after
  // them takes as long as after a text. The state has to be one that can branch.
  Status claim(int32_t sequence, int32_t length);

  // Decodes a token through the hooks, so that `sparse` tells what a plan can thin out. The context has to be empty.
  Status probe_sparse(uint64_t epoch);

  Status save_state(int32_t sequence, std::vector<uint8_t>& bytes);
  Status load_state(int32_t sequence, Span<const uint8_t> bytes, int32_t n_tokens);

  // Makes running and queued work of earlier epochs return kAborted; callable from any thread.
  void abort() { epoch_.fetch_add(1); }
  uint64_t epoch() const { return epoch_.load(); }

  int32_t length(int32_t sequence) const { return lengths_[static_cast<size_t>(sequence)]; }
  int32_t n_ctx() const { return static_cast<int32_t>(llama_n_ctx(context_)); }
  int32_t n_batch() const { return static_cast<int32_t>(llama_n_batch(context_)); }
  int32_t n_ubatch() const { return static_cast<int32_t>(llama_n_ubatch(context_)); }
  int32_t n_sequences() const { return n_sequences_; }
  int32_t n_leaves_max() const { return n_scratch_ + 1; }
  Rollback rollback() const { return rollback_; }
  int32_t n_rollback() const { return n_rollback_; }
  llama_context* get() const { return context_; }
  // What the last decode under a plan did; null before the first.
  const SparseGraph* sparse() const { return sparse_.get(); }
  const std::shared_ptr<Model>& model() const { return model_; }
  const std::shared_ptr<ComputePool>& pool() const { return pool_; }

 private:
  friend class Growth;
  struct PendingTree;
  Context(std::shared_ptr<Model> model, std::shared_ptr<ComputePool> pool, llama_context* context);

  Status validate(const DecodeRequest& request) const;
  Status decode_valid(const DecodeRequest& request, uint64_t epoch, Rows& rows, Timings& timings);
  Status draw(DraftRequest& request, uint64_t epoch, std::vector<int32_t>& tokens, Rows& rows, Timings& timings);
  Status rewind(int32_t sequence, int32_t n_past);
  // llama_decode with the threads that the pool has active; 2, as when it was aborted, after an abort since `epoch`.
  int32_t compute(const llama_batch& batch, uint64_t epoch);
  Status run_batch(const DecodeRequest& request, uint64_t epoch, TokenTree& tree);
  Status start_sparse(const DecodeRequest& request);
  Status explain(int32_t code, const DecodeRequest& request);
  Status append_row(int32_t index, const DecodeRequest& request, Span<const int32_t> path_history, Rows& rows);
  Status borrow_id(PendingTree& pending, int32_t source, int32_t end, int32_t& id);
  void release_tree(int32_t sequence);
  Rows take_row();
  void give_row(Rows row);
  void probe_rollback();

  std::shared_ptr<Model> model_;
  std::shared_ptr<ComputePool> pool_;
  llama_context* context_;
  int32_t n_sequences_ = 1;
  int32_t n_scratch_ = 0;
  int32_t n_rollback_ = 0;
  Rollback rollback_ = Rollback::kFull;
  std::vector<int32_t> lengths_;  // cells of each sequence, and of the copy that a recurrent state drafts on
  std::vector<int32_t> floors_;   // where each bounded state can go back to: into its last batch, but not before it
  std::atomic<uint64_t> epoch_{0};
  uint64_t running_epoch_ = 0;

  // The tree below a sequence's tip, until a path of it is committed.
  struct PendingTree {
    std::vector<int32_t> ids;      // [n]: llama.cpp's id whose cells hold the path to the node; -1: not decoded
    std::vector<int32_t> depths;   // [n], from 0
    std::vector<int32_t> scratch;  // ids that the tree has borrowed
    int32_t start = 0;
    bool is_active = false;
  };
  std::vector<PendingTree> trees_;     // as lengths_
  std::vector<int32_t> free_scratch_;  // ids for leaves that no tree uses
  std::vector<int32_t> path_;          // scratch
  std::unique_ptr<SparseGraph> sparse_;
  std::vector<Rows> spare_rows_;  // memory of rows that a drafted tree no longer needs
};

}  // namespace outrider
