// Creation of contexts and what their memory can undo.
#include <algorithm>
#include <cstdlib>
#include <utility>

#include "core/context.h"
#include "core/log.h"

namespace outrider {

namespace {

constexpr int32_t kMaxSequences = 256;  // LLAMA_MAX_SEQ

// The size of a head: what the file says, or the width shared evenly.
int64_t head_size_of(const Model& model, const std::string& key) {
  const std::string written = model.metadata(model.metadata("general.architecture") + ".attention." + key);
  if (!written.empty()) return std::atoll(written.c_str());
  return llama_model_n_embd(model.get()) / std::max(llama_model_n_head(model.get()), 1);
}

Status check(const ContextOptions& options, const Model& model) {
  const auto range = [](const char* name, int64_t value, int64_t low, int64_t high) {
    if (value >= low && value <= high) return Status{};
    return Status::error(StatusCode::kInvalidArgument, std::string("Expected ") + name + " in [" + std::to_string(low) +
                                                           ", " + std::to_string(high) + "] but received " +
                                                           std::to_string(value) + ".");
  };
  for (const Status& status :
       {range("contextSize", options.n_ctx, 0, INT32_MAX), range("batchSize", options.n_batch, 1, 1 << 20),
        range("microBatchSize", options.n_ubatch, 1, 1 << 20),
        range("sequences", options.n_sequences, 1, kMaxSequences),
        range("scratchSequences", options.n_scratch, 0, kMaxSequences - options.n_sequences),
        range("rollbackTokens", options.n_rollback, 0, 256)}) {
    if (!status.ok()) return status;
  }
  if (ggml_is_quantized(options.type_v) && options.flash_attention == LLAMA_FLASH_ATTN_TYPE_DISABLED) {
    return Status::error(StatusCode::kContextCreate,
                         "A quantised V cache needs flash attention. Turn it on, or use kvType f16 or f32.");
  }
  for (const auto& [type, key] : {std::pair(options.type_k, "key_length"), std::pair(options.type_v, "value_length")}) {
    const int64_t head_size = head_size_of(model, key);
    if (ggml_is_quantized(type) && head_size % ggml_blck_size(type) != 0) {
      return Status::error(StatusCode::kContextCreate,
                           std::string("A KV cache of type ") + ggml_type_name(type) +
                               " needs a head size that is a multiple of " + std::to_string(ggml_blck_size(type)) +
                               " but this model has " + std::to_string(head_size) + ". Use kvType f16 or f32.");
    }
  }
  return {};
}

}  // namespace

Status Context::create(std::shared_ptr<Model> model, std::shared_ptr<ComputePool> pool, const ContextOptions& options,
                       std::shared_ptr<Context>& context) {
  Status status = check(options, *model);
  if (!status.ok()) return status;
  const bool recurrent = model->is_recurrent();
  llama_context_params params = llama_context_default_params();
  params.n_ctx = static_cast<uint32_t>(options.n_ctx);
  params.n_batch = static_cast<uint32_t>(options.n_batch);
  params.n_ubatch = static_cast<uint32_t>(std::min(options.n_ubatch, options.n_batch));
  // Each recurrent state costs memory, and such a state cannot branch; one more holds the copy that drafts are drawn
  // on.
  const int32_t n_scratch = recurrent ? 0 : options.n_scratch;
  params.n_seq_max = static_cast<uint32_t>(options.n_sequences + (recurrent ? 1 : n_scratch));
  params.n_rs_seq = recurrent ? static_cast<uint32_t>(options.n_rollback) : 0;
  // llama.cpp asserts room for one output a sequence, whatever the batch.
  params.n_outputs_max = std::max(static_cast<uint32_t>(std::min(options.n_batch, kMaxOutputs)), params.n_seq_max);
  params.n_threads = pool->n_threads();
  params.n_threads_batch = pool->n_threads();
  params.flash_attn_type = options.flash_attention;
  params.type_k = options.type_k;
  params.type_v = options.type_v;
  params.offload_kqv = options.offload_kv;
  params.no_perf = true;
  // A sliding window that has forgotten cells cannot be rolled back; a patch keeps those that llama.cpp would still
  // reuse.
  params.swa_full = true;
  // Leaves share the cells of their path; a lone sequence has nothing to share, and decodes 40 us faster without.
  params.kv_unified = params.n_seq_max > 1;
  clear_thread_errors();
  llama_context* raw = llama_init_from_model(model->get(), params);
  if (raw == nullptr) {
    const std::string log = take_thread_errors();
    const bool is_memory = log.find("allocat") != std::string::npos || log.find("memory") != std::string::npos;
    return Status::error(is_memory ? StatusCode::kOutOfMemory : StatusCode::kContextCreate,
                         "The context could not be created" + (log.empty() ? "." : ": " + log));
  }
  context = std::shared_ptr<Context>(new Context(std::move(model), std::move(pool), raw));
  context->n_sequences_ = options.n_sequences;
  context->n_scratch_ = n_scratch;
  context->lengths_.assign(static_cast<size_t>(options.n_sequences) + 1, 0);
  context->floors_ = context->lengths_;
  context->trees_.resize(context->lengths_.size());
  for (int32_t id = n_scratch - 1; id >= 0; id--) context->free_scratch_.push_back(options.n_sequences + id);
  llama_attach_threadpool(raw, context->pool_->threadpool(), context->pool_->threadpool());
  llama_set_abort_callback(
      raw,
      [](void* data) {
        const auto* self = static_cast<Context*>(data);
        return self->epoch_.load(std::memory_order_relaxed) > self->running_epoch_;
      },
      context.get());
  context->probe_rollback();
  return {};
}

void Context::probe_rollback() {
  n_rollback_ = static_cast<int32_t>(llama_n_rs_seq(context_));
  if (n_rollback_ > 0) {
    rollback_ = Rollback::kBounded;
  } else if (llama_get_memory(context_) == nullptr || model_->is_recurrent()) {
    rollback_ = Rollback::kNone;
  }
}

}  // namespace outrider
