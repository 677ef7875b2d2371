#include "core/context.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/batch.h"
#include "core/log.h"
#include "llama-claim.h"
#include "sampling/distribution.h"
#include "sparse/sparse_graph.h"

namespace outrider {

namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

std::string text(int64_t value) { return std::to_string(value); }

}  // namespace

Context::Context(std::shared_ptr<Model> model, std::shared_ptr<ComputePool> pool, llama_context* context)
    : model_(std::move(model)), pool_(std::move(pool)), context_(context) {}

Context::~Context() {
  llama_detach_threadpool(context_);
  llama_free(context_);
}

Status Context::validate(const DecodeRequest& request) const {
  const auto n = static_cast<int32_t>(request.tokens.size());
  if (n == 0) return Status::error(StatusCode::kShape, "Expected at least one token to decode but received none.");
  if (request.sequence < 0 || request.sequence >= n_sequences_) {
    return Status::error(StatusCode::kInvalidArgument, "Expected a sequence id below " + text(n_sequences_) +
                                                           " but received " + text(request.sequence) + ".");
  }
  if (n > n_batch()) {
    return Status::error(StatusCode::kBatchTooLarge, "Expected at most " + text(n_batch()) +
                                                         " tokens in a batch (batchSize) but received " + text(n) +
                                                         ". Raise batchSize or decode in parts.");
  }
  const int32_t n_vocab = model_->n_vocab();
  for (const int32_t token : request.tokens) {
    if (token < 0 || token >= n_vocab) {
      return Status::error(StatusCode::kInvalidArgument,
                           "Expected token ids in [0, " + text(n_vocab) + ") but received " + text(token) + ".");
    }
  }
  if (request.outputs.size() > kMaxOutputs) {
    return Status::error(StatusCode::kBatchTooLarge, "Expected at most " + text(kMaxOutputs) +
                                                         " output rows in a batch but received " +
                                                         text(static_cast<int64_t>(request.outputs.size())) + ".");
  }
  for (size_t i = 0; i < request.outputs.size(); i++) {
    const int32_t index = request.outputs[i];
    if (index < 0 || index >= n || (i > 0 && index <= request.outputs[i - 1])) {
      return Status::error(StatusCode::kShape,
                           "Expected ascending output rows in [0, " + text(n) + ") but received " + text(index) + ".");
    }
  }
  if (request.n_past < 0 || request.n_past > length(request.sequence)) {
    return Status::error(StatusCode::kShape, "Expected to keep between 0 and " + text(length(request.sequence)) +
                                                 " tokens of the sequence but received " + text(request.n_past) + ".");
  }
  return {};
}

void Context::release_tree(int32_t sequence) {
  PendingTree& pending = trees_[static_cast<size_t>(sequence)];
  if (!pending.is_active) return;
  for (const int32_t id : pending.scratch) {
    llama_memory_seq_rm(llama_get_memory(context_), id, -1, -1);
    free_scratch_.push_back(id);
  }
  pending = PendingTree{};
}

Status Context::borrow_id(PendingTree& pending, int32_t source, int32_t end, int32_t& id) {
  if (free_scratch_.empty()) {
    return Status::error(StatusCode::kShape, "Expected a tree of at most " + text(n_leaves_max()) + " leaves.");
  }
  id = free_scratch_.back();
  free_scratch_.pop_back();
  pending.scratch.push_back(id);
  llama_memory_seq_cp(llama_get_memory(context_), source, id, -1, end);
  return {};
}

Status Context::rewind(int32_t sequence, int32_t n_past) {
  release_tree(sequence);
  int32_t& length = lengths_[static_cast<size_t>(sequence)];
  if (n_past >= length) return {};
  llama_memory_t memory = llama_get_memory(context_);
  // llama.cpp keeps snapshots of the last batch only, and would go back to a stale one.
  const bool is_reachable =
      rollback_ != Rollback::kBounded || n_past == 0 || n_past >= floors_[static_cast<size_t>(sequence)];
  if (is_reachable && llama_memory_seq_rm(memory, sequence, n_past, -1)) {
    length = n_past;
    return {};
  }
  llama_memory_seq_rm(memory, sequence, -1, -1);
  length = 0;
  return Status::error(StatusCode::kUnsupportedCache,
                       "The state of this model cannot go back to token " + text(n_past) + "; it was cleared.");
}

int32_t Context::compute(const llama_batch& batch, uint64_t epoch) {
  if (epoch_.load() > epoch) return 2;
  llama_set_n_threads(context_, pool_->n_active(), pool_->n_active());
  return llama_decode(context_, batch);
}

Status Context::explain(int32_t code, const DecodeRequest& request) {
  const auto n = static_cast<int32_t>(request.tokens.size());
  // A context holds cells of all its sequences; what the others use is not this one's to name.
  if (code == 1) {
    Status status = Status::error(StatusCode::kContextFull, "The context is full.");
    status.needed = static_cast<int64_t>(request.n_past) + n;
    status.available = n_ctx();
    return status;
  }
  if (code == 2) return Status::error(StatusCode::kAborted, "Decoding was aborted.");
  Status status =
      Status::error(StatusCode::kDecode, "llama_decode failed with status " + text(code) + ": " + take_thread_errors());
  status.native = code;
  return status;
}

Status Context::run_batch(const DecodeRequest& request, uint64_t epoch, TokenTree& tree) {
  const auto n = static_cast<int32_t>(request.tokens.size());
  Status status = rewind(request.sequence, request.n_past);
  if (!status.ok()) return status;
  if (static_cast<int64_t>(request.n_past) + n > n_ctx()) return explain(1, request);
  if (tree.n_leaves > 1 && rollback_ != Rollback::kFull) {
    return Status::error(StatusCode::kUnsupportedCache, "The state of this model cannot branch: decode a chain.");
  }
  const auto n_free = static_cast<int32_t>(free_scratch_.size());
  if (tree.n_leaves > n_free + 1) {
    return Status::error(StatusCode::kShape, "Expected a tree of at most " + text(n_free + 1) +
                                                 " leaves but received " + text(tree.n_leaves) + ".");
  }
  PendingTree& pending = trees_[static_cast<size_t>(request.sequence)];
  pending.start = request.n_past;
  pending.is_active = true;
  std::vector<int32_t> leaf_ids(1, request.sequence);
  for (int32_t leaf = 1; leaf < tree.n_leaves; leaf++) {
    status = borrow_id(pending, request.sequence, -1, leaf_ids.emplace_back());
    if (!status.ok()) return status;
  }
  Batch batch(request.tokens.size());
  std::vector<llama_seq_id> ids;
  for (size_t node = 0; node < request.tokens.size(); node++) {
    ids.clear();
    for (const int32_t leaf : tree.leaves[node]) ids.push_back(leaf_ids[static_cast<size_t>(leaf)]);
    batch.set(node, request.n_past + tree.depths[node], ids);
    pending.ids.push_back(leaf_ids[static_cast<size_t>(tree.leaf_of[node])]);
  }
  pending.depths = tree.depths;
  for (const int32_t index : request.outputs) batch.output(index);
  std::vector<llama_token> tokens = request.tokens;
  running_epoch_ = epoch;
  clear_thread_errors();
  status = start_sparse(request);
  if (!status.ok()) return status;
  const int32_t code = compute(batch.view(tokens), epoch);
  if (sparse_ != nullptr) sparse_->finish(code == 0);
  if (code != 0) {
    lengths_[static_cast<size_t>(request.sequence)] = request.n_past + 1;  // some cells may be there
    rewind(request.sequence, request.n_past);
    return explain(code, request);
  }
  // The owner's id is on the path to the first leaf.
  int32_t first_leaf_depth = 0;
  for (size_t node = 0; node < request.tokens.size(); node++) {
    if (tree.leaf_of[node] == 0) first_leaf_depth = std::max(first_leaf_depth, tree.depths[node] + 1);
  }
  lengths_[static_cast<size_t>(request.sequence)] = request.n_past + first_leaf_depth;
  floors_[static_cast<size_t>(request.sequence)] = request.n_past + 1;
  return {};
}

Status Context::append_row(int32_t index, const DecodeRequest& request, Span<const int32_t> path_history, Rows& rows) {
  const float* logits = llama_get_logits_ith(context_, index);
  if (logits == nullptr)
    return Status::error(StatusCode::kDecode, "llama.cpp has no logits for row " + text(index) + ".");
  if (!request.sampler->apply(logits, model_->n_vocab(), request.n_vocab_limit, path_history, rows)) {
    return Status::error(StatusCode::kDecode, "No token has a finite logit in row " + text(index) +
                                                  ". The model is damaged, or the logit bias forbids every token.");
  }
  if (request.keeps_logits) rows.logits.insert(rows.logits.end(), logits, logits + model_->n_vocab());
  return {};
}

Rows Context::take_row() {
  if (spare_rows_.empty()) return {};
  Rows row = std::move(spare_rows_.back());
  spare_rows_.pop_back();
  row.clear();
  return row;
}

void Context::give_row(Rows row) {
  if (row.ids.capacity() > 0) spare_rows_.push_back(std::move(row));
}

Status Context::decode(const DecodeRequest& request, uint64_t epoch, Rows& rows, Timings& timings) {
  Status status;
  if (request.commit != kNoCommit) status = commit(request.sequence, request.commit);
  if (status.ok()) status = validate(request);
  return status.ok() ? decode_valid(request, epoch, rows, timings) : status;
}

Status Context::decode_valid(const DecodeRequest& request, uint64_t epoch, Rows& rows, Timings& timings) {
  TokenTree tree;
  Status status =
      TokenTree::build(Span<const int32_t>(request.parents), static_cast<int32_t>(request.tokens.size()), tree);
  if (!status.ok()) return status;
  const auto started = Clock::now();
  status = run_batch(request, epoch, tree);
  if (!status.ok()) return status;
  if (!request.outputs.empty()) llama_synchronize(context_);
  timings.decode_ms += ms_since(started);

  const auto sampling_started = Clock::now();
  const bool needs_history = request.sampler != nullptr && request.sampler->needs_history();
  for (const int32_t index : request.outputs) {
    path_.clear();
    if (needs_history) {
      path_ = request.history;
      for (const int32_t node : tree.path(index)) path_.push_back(request.tokens[static_cast<size_t>(node)]);
    }
    status = append_row(index, request, Span<const int32_t>(path_), rows);
    if (!status.ok()) return status;
  }
  timings.sampling_ms += ms_since(sampling_started);
  return {};
}

Status Context::draft(const DraftRequest& request, uint64_t epoch, std::vector<int32_t>& tokens, Rows& rows,
                      Timings& timings) {
  DraftRequest drawing = request;
  drawing.prefix.parents.clear();
  const Status status = draw(drawing, epoch, tokens, rows, timings);
  if (drawing.prefix.sequence != request.prefix.sequence) {
    release_tree(drawing.prefix.sequence);
    llama_memory_seq_rm(llama_get_memory(context_), drawing.prefix.sequence, -1, -1);
  }
  return status;
}

Status Context::draw(DraftRequest& request, uint64_t epoch, std::vector<int32_t>& tokens, Rows& rows,
                     Timings& timings) {
  DecodeRequest& step = request.prefix;
  Rows row;
  while (true) {
    step.outputs.assign(1, static_cast<int32_t>(step.tokens.size()) - 1);
    row.clear();
    const Status status = tokens.empty() ? decode(step, epoch, row, timings) : decode_valid(step, epoch, row, timings);
    if (!status.ok()) return status;
    const DistView law{row.row_ids(0), row.row_probs(0), row.row_size(0)};
    // The stop looks at the row alone: a token that was drawn is never dropped.
    const bool needs_largest = request.min_probability > 0;
    if (needs_largest && *std::max_element(law.probs, law.probs + law.size) < request.min_probability) return {};
    const bool is_sampled = !request.uniforms.empty();
    const int32_t token = is_sampled ? sample_categorical(law, request.uniforms[tokens.size()])
                                     : law.ids[std::max_element(law.probs, law.probs + law.size) - law.probs];
    const double probability = probability_of(law, token);
    rows.append(request.extends ? DistView{&token, &probability, 1} : law);
    tokens.push_back(token);
    if (request.on_token && !request.on_token(Span<const int32_t>(tokens), rows, timings)) return {};
    if (static_cast<int32_t>(tokens.size()) >= request.n_draft) return {};
    if (request.stop_at_end && llama_vocab_is_eog(model_->vocab(), token)) return {};
    step.commit = kNoCommit;
    step.n_past += static_cast<int32_t>(step.tokens.size());
    if (step.n_past >= n_ctx()) return {};
    if (step.sampler->needs_history()) {
      step.history.insert(step.history.end(), step.tokens.begin(), step.tokens.end());
    }
    step.tokens.assign(1, token);
    if (tokens.size() == 1 && !request.extends && rollback_ != Rollback::kFull) {
      llama_memory_seq_cp(llama_get_memory(context_), step.sequence, n_sequences_, -1, -1);
      step.sequence = n_sequences_;
      lengths_[static_cast<size_t>(n_sequences_)] = step.n_past;
    }
  }
}

Status Context::commit(int32_t sequence, int32_t node) {
  const PendingTree& pending = trees_[static_cast<size_t>(sequence)];
  if (!pending.is_active) {
    return Status::error(StatusCode::kShape, "Sequence " + text(sequence) + " has no decoded tree to commit.");
  }
  const auto at = static_cast<size_t>(node);
  if (node < -1 || node >= static_cast<int32_t>(pending.ids.size()) || (node >= 0 && pending.ids[at] < 0)) {
    return Status::error(StatusCode::kShape, "Expected a node of the decoded tree but received " + text(node) + ".");
  }
  const int32_t id = node < 0 ? sequence : pending.ids[at];
  const int32_t end = pending.start + (node < 0 ? 0 : pending.depths[at] + 1);
  if (id == sequence) return rewind(sequence, end);
  llama_memory_t memory = llama_get_memory(context_);
  llama_memory_seq_rm(memory, sequence, pending.start, -1);
  llama_memory_seq_cp(memory, id, sequence, pending.start, end);
  lengths_[static_cast<size_t>(sequence)] = end;
  release_tree(sequence);
  return {};
}

Status Context::truncate(int32_t sequence, int32_t n_past) { return rewind(sequence, n_past); }

Status Context::claim(int32_t sequence, int32_t length) {
  if (rollback_ != Rollback::kFull) {
    return Status::error(StatusCode::kUnsupportedCache, "The state of this model has no cells to claim.");
  }
  DecodeRequest asked;
  asked.n_past = length;
  if (length > n_ctx()) return explain(1, asked);
  const int32_t start = std::min(length, this->length(sequence));
  Status status = rewind(sequence, start);
  if (!status.ok()) return status;
  const std::vector<llama_seq_id> ids(1, sequence);
  for (int32_t from = start; from < length; from += n_batch()) {
    const int32_t n = std::min(n_batch(), length - from);
    Batch batch(static_cast<size_t>(n));
    for (int32_t i = 0; i < n; i++) batch.set(static_cast<size_t>(i), from + i, ids);
    batch.output(n - 1);
    std::vector<llama_token> tokens(static_cast<size_t>(n), 0);
    clear_thread_errors();
    const int32_t code = llama_claim_cells(context_, batch.view(tokens));
    lengths_[static_cast<size_t>(sequence)] = from + n;  // some cells may be there
    if (code == 0) continue;
    rewind(sequence, start);
    return explain(code, asked);
  }
  return {};
}

Status Context::save_state(int32_t sequence, std::vector<uint8_t>& bytes) {
  release_tree(sequence);
  bytes.resize(llama_state_seq_get_size(context_, sequence));
  const size_t written = llama_state_seq_get_data(context_, bytes.data(), bytes.size(), sequence);
  if (written == 0) {
    return Status::error(StatusCode::kStateFile, "The state could not be read: " + take_thread_errors());
  }
  bytes.resize(written);
  return {};
}

Status Context::load_state(int32_t sequence, Span<const uint8_t> bytes, int32_t n_tokens) {
  release_tree(sequence);
  if (n_tokens > n_ctx()) {
    Status status = Status::error(StatusCode::kContextFull, "The saved state does not fit.");
    status.needed = n_tokens;
    status.available = n_ctx();
    return status;
  }
  clear_thread_errors();
  llama_memory_seq_rm(llama_get_memory(context_), sequence, -1, -1);
  lengths_[static_cast<size_t>(sequence)] = 0;
  if (llama_state_seq_set_data(context_, bytes.data(), bytes.size(), sequence) == 0) {
    llama_memory_seq_rm(llama_get_memory(context_), sequence, -1, -1);
    return Status::error(StatusCode::kStateFile, "The saved state does not fit this context: " + take_thread_errors());
  }
  lengths_[static_cast<size_t>(sequence)] = n_tokens;
  floors_[static_cast<size_t>(sequence)] = n_tokens;
  return {};
}

}  // namespace outrider
