// Decoding under a plan that leaves something out.
#include <algorithm>

#include "core/context.h"
#include "sparse/sparse_graph.h"

namespace outrider {

namespace {

std::string text(int64_t value) { return std::to_string(value); }

}  // namespace

Status Context::start_sparse(const DecodeRequest& request) {
  const SparsePlan& plan = request.sparse;
  if (plan.is_dense()) {
    if (sparse_ != nullptr) sparse_->forget_choices();
    return {};
  }
  const int32_t n_layer = llama_model_n_layer(model_->get());
  const auto refused = [](const std::string& message) {
    return Status::error(StatusCode::kInvalidArgument, message);
  };
  if (!(plan.lone_share >= 0 && plan.lone_share <= 1)) {
    return refused("Expected a number in [0, 1] for the share of a lone expert.");
  }
  if (plan.n_skipped < 0) {
    return refused("Expected at least 0 experts to skip but received " + text(plan.n_skipped) + ".");
  }
  if (!plan.skip_shares.empty() && plan.skip_shares.size() != static_cast<size_t>(n_layer * plan.n_skipped)) {
    return refused("Expected " + text(n_layer * plan.n_skipped) +
                   " shares, one for each layer and number of experts, " + "but received " +
                   text(static_cast<int64_t>(plan.skip_shares.size())) + ".");
  }
  const auto has_no_number = [](float threshold) {
    return !(threshold >= 0);
  };
  if (!plan.ffn_thresholds.empty() &&
      (plan.ffn_thresholds.size() != static_cast<size_t>(n_layer) ||
       std::any_of(plan.ffn_thresholds.begin(), plan.ffn_thresholds.end(), has_no_number))) {
    return refused("Expected " + text(n_layer) + " thresholds of at least 0 for feed-forward channels.");
  }
  if (plan.n_attended < 0) {
    return refused("Expected a budget of at least 1 token for sparse attention but received " + text(plan.n_attended) +
                   ".");
  }
  if (plan.block_size < 4 || 256 % plan.block_size != 0) {
    return refused("Expected a block size of 4, 8, 16, 32, 64, 128 or 256 but received " + text(plan.block_size) + ".");
  }
  if (plan.n_sink < 0 || plan.n_local < 0) {
    return refused("Expected at least 0 tokens that are always read but received " +
                   text(std::min(plan.n_sink, plan.n_local)) + ".");
  }
  for (size_t i = 0; i < plan.anchors.size(); i++) {
    if (plan.anchors[i] < 0 || plan.anchors[i] >= n_layer || (i > 0 && plan.anchors[i] <= plan.anchors[i - 1])) {
      return refused("Expected ascending anchor layers in [0, " + text(n_layer) + ") but received " +
                     text(plan.anchors[i]) + ".");
    }
  }
  if (static_cast<int32_t>(request.tokens.size()) > n_ubatch()) {
    return refused("Expected at most " + text(n_ubatch()) + " tokens (microBatchSize) in a sparse batch but received " +
                   text(static_cast<int64_t>(request.tokens.size())) + ".");
  }
  if (sparse_ == nullptr) sparse_ = std::make_unique<SparseGraph>(context_);
  if (plan.thins_attention() && !sparse_->is_supported()) {
    return Status::error(StatusCode::kUnsupportedCache,
                         "The memory of this model has no cells to leave out: sparse attention needs a KV cache.");
  }
  sparse_->start(plan, request.sequence, request.n_past, static_cast<int32_t>(request.tokens.size()));
  return {};
}

Status Context::probe_sparse(uint64_t epoch) {
  DecodeRequest request;
  request.tokens.assign(1, 0);
  request.sparse.measures = true;
  Rows rows;
  Timings timings;
  Status status = decode(request, epoch, rows, timings);
  if (!status.ok()) return status;
  if (rollback_ == Rollback::kFull) return rewind(request.sequence, 0);
  // A state that cannot go back is cleared, which is what it was.
  rewind(request.sequence, 0);
  return {};
}

}  // namespace outrider
