#include "sparse/sparse_graph.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "ggml-alloc.h"
#include "llama-kv-cells.h"

namespace outrider {

namespace {

constexpr int32_t kUpdateSteps[] = {4, 16, 64, 256, 1024};  // a graph has one of these sizes, so that it is used again

int32_t blocks_of(int32_t n_tokens, int32_t block_size) { return (n_tokens + block_size - 1) / block_size; }

// The same memory with other types or sizes. [ne0, ne1, ne2], contiguous.
ggml_tensor* reinterpret(ggml_context* ctx, ggml_tensor* tensor, ggml_type type, int64_t ne0, int64_t ne1,
                         int64_t ne2) {
  ggml_tensor* view = ggml_view_1d(ctx, tensor, ggml_nelements(tensor), 0);
  view->type = type;
  view->ne[0] = ne0;
  view->ne[1] = ne1;
  view->ne[2] = ne2;
  view->nb[0] = ggml_type_size(type);
  view->nb[1] = ggml_row_size(type, ne0);
  view->nb[2] = view->nb[1] * static_cast<size_t>(ne1);
  view->nb[3] = view->nb[2] * static_cast<size_t>(ne2);
  return view;
}

// Blocks of a cache [n_embd, n_cells], copied bit by bit whatever their type: [n_embd_head, n_heads, n_kept cells].
ggml_tensor* gather_blocks(ggml_context* ctx, ggml_tensor* layer, ggml_tensor* blocks, int64_t block_size) {
  ggml_tensor* cache = layer->view_src;
  const auto n_words = static_cast<int64_t>(cache->nb[1]) * block_size / static_cast<int64_t>(sizeof(float));
  ggml_tensor* words = reinterpret(ctx, cache, GGML_TYPE_F32, n_words, cache->ne[1] / block_size, 1);
  ggml_tensor* kept = ggml_get_rows(ctx, words, blocks);
  return reinterpret(ctx, kept, layer->type, layer->ne[0], layer->ne[1], blocks->ne[0] * block_size);
}

// In ascending order, so that a kernel meets the kept cells in the order in which it would meet all of them: on a CPU,
// where the order costs next to nothing and rows then lie one after the other.
ggml_tensor* ascending(ggml_context* ctx, ggml_tensor* blocks) {
  ggml_tensor* numbers = ggml_reshape_2d(ctx, ggml_cast(ctx, blocks, GGML_TYPE_F32), blocks->ne[0], 1);
  ggml_tensor* order = ggml_argsort(ctx, numbers, GGML_SORT_ORDER_ASC);
  numbers = ggml_get_rows(ctx, ggml_reshape_2d(ctx, numbers, 1, blocks->ne[0]), order);
  return ggml_cast(ctx, ggml_reshape_2d(ctx, numbers, blocks->ne[0], 1), GGML_TYPE_I32);
}

uint64_t mix(uint64_t hash, uint64_t value) { return (hash ^ value) * 1099511628211ULL; }

}  // namespace

bool SparseGraph::is_anchor(int32_t layer) const {
  return plan_.anchors.empty() || std::binary_search(plan_.anchors.begin(), plan_.anchors.end(), layer);
}

void SparseGraph::start(const SparsePlan& plan, int32_t sequence, int32_t n_past, int32_t n_tokens) {
  plan_ = plan;
  n_tokens_ = n_tokens;
  updated_.clear();
  if (plan.thins_attention()) start_attention(plan, sequence, n_past, n_tokens);
  llama_set_sparse(context_, this, key());
}

void SparseGraph::start_attention(const SparsePlan& plan, int32_t sequence, int32_t n_past, int32_t n_tokens) {
  if (known_block_size_ != plan.block_size || known_anchors_ != plan.anchors) {
    known_.reset();
    known_block_size_ = plan.block_size;
    known_anchors_ = plan.anchors;
    means_.clear();
  }
  request_ = {plan.block_size, sequence, n_past, plan.n_sink, plan.n_local};
  version_ = cells_->n_versions_get();
  const int32_t n_batch = blocks_of(n_tokens, plan.block_size);
  const int32_t n_forced =
      blocks_of(plan.n_sink, plan.block_size) + blocks_of(plan.n_local, plan.block_size) + n_batch + 2;
  // Whole rows of a kernel's tile, and never fewer than the batch can lie in: each token in a block of its own.
  const int32_t step = 256 / plan.block_size;
  const int32_t n_wanted = std::max({blocks_of(plan.n_attended, plan.block_size), n_forced, n_tokens});
  n_kept_ = blocks_of(n_wanted, step) * step;
  const auto n_changed = static_cast<int32_t>(known_.changed(*cells_, plan.block_size).size()) + n_batch + 1;
  n_updates_ = static_cast<int32_t>(cells_->size()) / plan.block_size;
  for (const int32_t size : kUpdateSteps) {
    if (n_changed <= size && size < n_updates_) {
      n_updates_ = size;
      break;
    }
  }
}

// Graphs of one key and one number of tokens and cells are the same.
uint64_t SparseGraph::key() const {
  uint64_t key = 14695981039346656037ULL;
  if (plan_.thins_attention()) {
    for (const int32_t part : {n_kept_, n_updates_, plan_.block_size, plan_.keeps_choice ? 1 : 0}) {
      key = mix(key, static_cast<uint64_t>(part));
    }
    for (const int32_t layer : plan_.anchors) key = mix(key, static_cast<uint64_t>(layer) + 1);
  }
  for (const int32_t part : {n_tokens_, plan_.n_skipped, plan_.fills_places ? 1 : 0, plan_.measures ? 1 : 0}) {
    key = mix(key, static_cast<uint64_t>(part));
  }
  const std::vector<float> lone{plan_.lone_share};
  for (const std::vector<float>* numbers : {&lone, &plan_.skip_shares, &plan_.thresholds, &plan_.ffn_thresholds}) {
    key = mix(key, numbers->size());
    for (const float number : *numbers) {
      uint32_t bits = 0;
      std::memcpy(&bits, &number, sizeof(bits));
      key = mix(key, bits);
    }
  }
  return key;
}

void SparseGraph::finish(bool has_succeeded) {
  llama_set_sparse(context_, nullptr, 0);
  if (has_succeeded && plan_.thins_attention()) known_.confirm(*cells_, plan_.block_size, updated_);
  updated_.clear();
}

void SparseGraph::begin() {
  inputs_ = {};
  choice_ = {};
  choices_.clear();
  experts_.begin();
  ffn_.begin();
  measures_.begin();
  n_layers_seen_ = 0;
  n_expert_layers_seen_ = 0;
}

void SparseGraph::make_inputs(ggml_context* ctx, int64_t n_blocks) {
  const auto input = [&](ggml_type type, int64_t ne0, int64_t ne1) {
    ggml_tensor* tensor = ggml_new_tensor_2d(ctx, type, ne0, ne1);
    ggml_set_input(tensor);
    return tensor;
  };
  inputs_.relevance = input(GGML_TYPE_F32, n_blocks, 1);
  inputs_.priority = input(GGML_TYPE_F32, n_blocks, 1);
  inputs_.blocks = input(GGML_TYPE_I32, n_updates_, 1);
  inputs_.cells = input(GGML_TYPE_I32, static_cast<int64_t>(n_updates_) * plan_.block_size, 1);
  inputs_.weights = input(GGML_TYPE_F32, plan_.block_size, n_updates_);
}

ggml_tensor* SparseGraph::mean_keys(const llama_sparse_attention& layer) {
  ggml_tensor* cache = layer.k->view_src;
  const int64_t n_embd = cache->ne[0];
  Means& means = means_[layer.il];
  if (means.tensor == nullptr) {
    means.context.reset(ggml_init({ggml_tensor_overhead() * 2, nullptr, true}));
    means.tensor = ggml_new_tensor_2d(means.context.get(), GGML_TYPE_F32, n_embd, cache->ne[1] / plan_.block_size);
    means.buffer.reset(
        ggml_backend_alloc_ctx_tensors_from_buft(means.context.get(), ggml_backend_buffer_get_type(cache->buffer)));
    ggml_backend_buffer_clear(means.buffer.get(), 0);
  }
  ggml_context* ctx = layer.ctx;
  ggml_tensor* keys = ggml_get_rows(ctx, cache, inputs_.cells);
  keys = ggml_reshape_3d(ctx, keys, n_embd, plan_.block_size, n_updates_);
  keys = ggml_mul(ctx, keys, ggml_reshape_3d(ctx, inputs_.weights, 1, plan_.block_size, n_updates_));
  keys = ggml_sum_rows(ctx, ggml_cont(ctx, ggml_permute(ctx, keys, 1, 0, 2, 3)));
  return ggml_set_rows(ctx, means.tensor, ggml_reshape_2d(ctx, keys, n_embd, n_updates_), inputs_.blocks);
}

void SparseGraph::choose(const llama_sparse_attention& layer, int64_t n_kept) {
  ggml_context* ctx = layer.ctx;
  const int64_t n_embd = layer.k->ne[0];
  const int64_t n_head_kv = layer.k->ne[1];
  const int64_t n_head = layer.q->ne[1];
  const int64_t n_group = n_head / n_head_kv;
  const int64_t n_blocks = layer.k->ne[2] / plan_.block_size;
  if (inputs_.relevance == nullptr) make_inputs(ctx, n_blocks);
  ggml_tensor* means = mean_keys(layer);
  means = ggml_view_3d(ctx, means, n_embd, n_head_kv, n_blocks, means->nb[0] * static_cast<size_t>(n_embd),
                       means->nb[1], 0);
  means = ggml_permute(ctx, means, 0, 2, 1, 3);
  ggml_tensor* query = ggml_view_3d(ctx, layer.q, n_embd, n_group, n_head_kv, layer.q->nb[1],
                                    layer.q->nb[1] * static_cast<size_t>(n_group), 0);
  ggml_tensor* scores = ggml_mul_mat(ctx, means, query);
  scores = ggml_reshape_3d(ctx, scores, n_blocks, 1, n_head);
  scores = ggml_soft_max_ext(ctx, scores, inputs_.relevance, layer.scale, 0.0F);
  scores = ggml_reshape_2d(ctx, scores, n_blocks, n_head);
  scores = ggml_sum_rows(ctx, ggml_cont(ctx, ggml_transpose(ctx, scores)));
  scores = ggml_reshape_2d(ctx, scores, n_blocks, 1);
  // What follows a match is what the later tokens of the batch read.
  scores = ggml_add(ctx, scores, ggml_roll(ctx, scores, 1, 0, 0, 0));
  choice_ = {};
  choice_.scores = scores;
  scores = ggml_add(ctx, scores, inputs_.priority);
  choice_.blocks = ggml_top_k(ctx, scores, static_cast<int>(n_kept));
  const bool is_on_host = ggml_backend_buffer_is_host(layer.k->view_src->buffer);
  if (is_on_host) choice_.blocks = ascending(ctx, choice_.blocks);
  if (!plan_.keeps_choice) return;
  choice_.query = ggml_cont(ctx, query);
  for (ggml_tensor* tensor : {choice_.blocks, choice_.scores, choice_.query}) {
    ggml_set_output(tensor);
    ggml_build_forward_expand(layer.gf, tensor);
  }
  choices_[layer.il] = choice_;
}

// Keys, values and mask of the kept cells alone.
void SparseGraph::gather(llama_sparse_attention& layer) {
  ggml_context* ctx = layer.ctx;
  const int64_t n_kept = choice_.blocks->ne[0];
  const int64_t n_tokens = layer.mask->ne[1];
  if (choice_.gathered == nullptr) {
    const auto n_words = static_cast<int64_t>(plan_.block_size * ggml_type_size(layer.mask->type) / sizeof(float));
    ggml_tensor* words =
        reinterpret(ctx, layer.mask, GGML_TYPE_F32, n_words, layer.mask->ne[0] / plan_.block_size, n_tokens);
    // The same blocks for each token; as numbers of the type that every backend can repeat.
    ggml_tensor* blocks = reinterpret(ctx, choice_.blocks, GGML_TYPE_F32, n_kept, 1, 1);
    blocks = ggml_repeat_4d(ctx, blocks, n_kept, n_tokens, 1, 1);
    blocks = reinterpret(ctx, blocks, GGML_TYPE_I32, n_kept, n_tokens, 1);
    ggml_tensor* kept = ggml_get_rows(ctx, words, blocks);
    choice_.gathered = reinterpret(ctx, kept, layer.mask->type, n_kept * plan_.block_size, n_tokens, 1);
  }
  layer.k = gather_blocks(ctx, layer.k, choice_.blocks, plan_.block_size);
  layer.v = gather_blocks(ctx, layer.v, choice_.blocks, plan_.block_size);
  layer.mask = choice_.gathered;
}

// All keys and values, and a mask that hides what is left out.
void SparseGraph::hide(llama_sparse_attention& layer) {
  ggml_context* ctx = layer.ctx;
  if (choice_.masked == nullptr) {
    const int64_t n_blocks = layer.k->ne[2] / plan_.block_size;
    ggml_tensor* hidden = ggml_fill(ctx, ggml_reshape_2d(ctx, choice_.scores, 1, n_blocks), -INFINITY);
    ggml_tensor* zeros = ggml_fill(ctx, ggml_view_2d(ctx, choice_.scores, 1, choice_.blocks->ne[0], sizeof(float), 0), 0);
    hidden = ggml_set_rows(ctx, hidden, zeros, choice_.blocks);
    hidden = ggml_repeat_4d(ctx, hidden, plan_.block_size, n_blocks, 1, 1);
    hidden = ggml_reshape_2d(ctx, hidden, plan_.block_size * n_blocks, 1);
    choice_.masked = ggml_add(ctx, layer.mask, hidden);
  }
  layer.mask = choice_.masked;
}

void SparseGraph::attention(llama_sparse_attention& layer) {
  n_layers_seen_++;
  const int64_t n_blocks = layer.k->ne[2] / plan_.block_size;
  const bool is_planned = layer.q->ne[2] == n_tokens_ && layer.k->ne[3] == 1 && layer.k->view_src != nullptr;
  if (!plan_.thins_attention() || !is_planned || n_kept_ >= n_blocks) return;
  if (choice_.blocks == nullptr || is_anchor(layer.il)) choose(layer, n_kept_);
  const bool is_transposed = layer.v->nb[1] > layer.v->nb[2];
  if (is_transposed || layer.has_bias) {
    hide(layer);
  } else {
    gather(layer);
  }
}

void SparseGraph::experts(llama_sparse_experts& layer) {
  n_expert_layers_seen_++;
  n_experts_used_ = static_cast<int32_t>(layer.selected->ne[0]);
  if (layer.selected->ne[1] != n_tokens_) return;
  if (plan_.measures) measures_.experts(layer);
  experts_.build(layer, plan_);
}

void SparseGraph::feed_forward(llama_sparse_ffn& layer) {
  const bool is_planned = layer.gate->ne[1] == n_tokens_;
  if (plan_.measures && is_planned) measures_.feed_forward(layer, plan_.thresholds);
  ffn_.build(layer, plan_, is_planned);
}

void SparseGraph::set_inputs() {
  experts_.set_inputs();
  if (inputs_.relevance == nullptr) return;
  const auto n_blocks = static_cast<size_t>(inputs_.relevance->ne[0]);
  std::vector<float> relevance(n_blocks);
  std::vector<float> priority(n_blocks);
  CellBlocks::classify(*cells_, request_, version_, relevance, priority);
  const auto n_updates = static_cast<size_t>(inputs_.blocks->ne[0]);
  updated_ = known_.changed(*cells_, plan_.block_size);
  if (updated_.size() > n_updates) updated_.resize(n_updates);
  std::vector<int32_t> blocks = updated_;
  blocks.resize(n_updates, updated_.empty() ? 0 : updated_.front());
  std::vector<int32_t> cells;
  std::vector<float> weights;
  for (const int32_t block : blocks) {
    const int32_t first = block * plan_.block_size;
    int32_t n_used = 0;
    for (int32_t cell = first; cell < first + plan_.block_size; cell++) {
      n_used += cells_->is_empty(static_cast<uint32_t>(cell)) ? 0 : 1;
    }
    for (int32_t cell = first; cell < first + plan_.block_size; cell++) {
      cells.push_back(cell);
      weights.push_back(cells_->is_empty(static_cast<uint32_t>(cell)) ? 0.0F : 1.0F / static_cast<float>(n_used));
    }
  }
  const auto send = [](ggml_tensor* tensor, const void* data) {
    ggml_backend_tensor_set(tensor, data, 0, ggml_nbytes(tensor));
  };
  send(inputs_.relevance, relevance.data());
  send(inputs_.priority, priority.data());
  send(inputs_.blocks, blocks.data());
  send(inputs_.cells, cells.data());
  send(inputs_.weights, weights.data());
}

std::map<int32_t, BlockChoice> SparseGraph::choices() const {
  std::map<int32_t, BlockChoice> result;
  for (const auto& [layer, choice] : choices_) {
    const ggml_tensor* means = means_.at(layer).tensor;
    const auto read = [](const ggml_tensor* tensor, int64_t n, auto& values) {
      values.resize(static_cast<size_t>(n));
      ggml_backend_tensor_get(tensor, values.data(), 0, values.size() * sizeof(values[0]));
    };
    BlockChoice& found = result[layer];
    read(choice.blocks, choice.blocks->ne[0], found.blocks);
    std::sort(found.blocks.begin(), found.blocks.end());
    read(choice.scores, choice.scores->ne[0], found.scores);
    read(choice.query, ggml_nelements(choice.query), found.query);
    read(means, means->ne[0] * choice.scores->ne[0], found.means);
  }
  return result;
}

}  // namespace outrider
