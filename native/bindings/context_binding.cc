#include "bindings/context_binding.h"

#include <algorithm>

#include "bindings/addon_data.h"
#include "bindings/args.h"
#include "bindings/errors.h"
#include "bindings/model_binding.h"
#include "bindings/request_args.h"
#include "bindings/sampler_binding.h"
#include "bindings/token_feed.h"
#include "sparse/sparse_graph.h"

namespace outrider {

namespace {

ggml_type kv_type_arg(const Napi::Value& value, const char* name) {
  const std::string text = string_arg(value, name);
  if (text == "f32") return GGML_TYPE_F32;
  if (text == "f16") return GGML_TYPE_F16;
  if (text == "q8_0") return GGML_TYPE_Q8_0;
  if (text == "q4_0") return GGML_TYPE_Q4_0;
  reject("f32, f16, q8_0 or q4_0", name, value);
}

llama_flash_attn_type flash_attention_arg(const Napi::Value& value) {
  const std::string text = string_arg(value, "flashAttention");
  if (text == "auto") return LLAMA_FLASH_ATTN_TYPE_AUTO;
  if (text == "on") return LLAMA_FLASH_ATTN_TYPE_ENABLED;
  if (text == "off") return LLAMA_FLASH_ATTN_TYPE_DISABLED;
  reject("auto, on or off", "flashAttention", value);
}

void check_sequence(const Context& context, int32_t sequence) {
  if (sequence < 0 || sequence >= context.n_sequences()) {
    throw ArgumentError("Expected a sequence id below " + std::to_string(context.n_sequences()) + " but received " +
                        std::to_string(sequence));
  }
}

Napi::Int32Array to_int32_array(Napi::Env env, const std::vector<int32_t>& values) {
  Napi::Int32Array array = Napi::Int32Array::New(env, values.size());
  std::copy(values.begin(), values.end(), array.Data());
  return array;
}

Napi::Float32Array to_float32_array(Napi::Env env, const std::vector<float>& values) {
  Napi::Float32Array array = Napi::Float32Array::New(env, values.size());
  std::copy(values.begin(), values.end(), array.Data());
  return array;
}

Napi::Object with_timings(Napi::Env env, const Timings& timings, std::shared_ptr<Rows> rows) {
  Napi::Object value = Napi::Object::New(env);
  value.Set("rows", RowsBinding::wrap(env, std::move(rows)));
  value.Set("decodeMs", timings.decode_ms);
  value.Set("samplingMs", timings.sampling_ms);
  return value;
}

}  // namespace

ContextOptions context_options_arg(const Napi::Value& value) {
  const Napi::Object object = object_arg(value, "context options");
  ContextOptions options;
  options.n_ctx = int_arg(object.Get("contextSize"), "contextSize");
  options.n_batch = int_arg(object.Get("batchSize"), "batchSize");
  options.n_ubatch = int_arg(object.Get("microBatchSize"), "microBatchSize");
  options.n_sequences = int_arg(object.Get("sequences"), "sequences");
  options.n_scratch = int_arg(object.Get("scratchSequences"), "scratchSequences");
  options.n_rollback = int_arg(object.Get("rollbackTokens"), "rollbackTokens");
  options.type_k = kv_type_arg(object.Get("kvTypeK"), "kvTypeK");
  options.type_v = kv_type_arg(object.Get("kvTypeV"), "kvTypeV");
  options.flash_attention = flash_attention_arg(object.Get("flashAttention"));
  options.offload_kv = bool_arg(object.Get("offloadKv"), "offloadKv");
  return options;
}

Napi::Function ContextBinding::define(Napi::Env env) {
  return DefineClass(
      env, "NativeContext",
      {InstanceMethod("info", &ContextBinding::info), InstanceMethod("length", &ContextBinding::length),
       InstanceMethod("decode", &ContextBinding::decode), InstanceMethod("draft", &ContextBinding::draft),
       InstanceMethod("extend", &ContextBinding::extend), InstanceMethod("grow", &ContextBinding::grow),
       InstanceMethod("sparseSupport", &ContextBinding::sparse_support),
       InstanceMethod("sparseMeasures", &ContextBinding::sparse_measures),
       InstanceMethod("sparseChoices", &ContextBinding::sparse_choices),
       InstanceMethod("commit", &ContextBinding::commit), InstanceMethod("truncate", &ContextBinding::truncate),
       InstanceMethod("claim", &ContextBinding::claim), InstanceMethod("saveState", &ContextBinding::save_state),
       InstanceMethod("loadState", &ContextBinding::load_state), InstanceMethod("abort", &ContextBinding::abort),
       InstanceMethod("dispose", &ContextBinding::dispose)});
}

ContextBinding::ContextBinding(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ContextBinding>(info) {
  if (info.Length() != 1 || !info[0].IsExternal()) {
    throw Napi::TypeError::New(info.Env(), "A NativeContext is made by createContext");
  }
  context_ = *info[0].As<Napi::External<std::shared_ptr<Context>>>().Data();
}

std::shared_ptr<Context> ContextBinding::context() const {
  if (!context_) throw to_error(Env(), Status::error(StatusCode::kDisposed, "The context was disposed."));
  return context_;
}

Napi::Promise ContextBinding::run(std::function<Status(Context&)> work, std::function<Napi::Value(Napi::Env)> settle) {
  const auto owner = context();
  return addon_data(Env()).queue->run(
      Env(), *owner->pool(), [owner, work = std::move(work)] { return work(*owner); }, std::move(settle));
}

Napi::Value create_context(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    AddonData& data = addon_data(info.Env());
    const auto model = ModelBinding::from(info[0], "model");
    const auto pool = PoolBinding::from(info[1]);
    const ContextOptions options = context_options_arg(info[2]);
    const auto result = std::make_shared<std::shared_ptr<Context>>();
    return data.queue->run(
        info.Env(), *pool, [=] { return Context::create(model, pool, options, *result); },
        [result](Napi::Env env) -> Napi::Value {
          AddonData& inner = addon_data(env);
          inner.contexts.erase(std::remove_if(inner.contexts.begin(), inner.contexts.end(),
                                              [](const std::weak_ptr<Context>& weak) { return weak.expired(); }),
                               inner.contexts.end());
          inner.contexts.push_back(*result);
          return inner.context_class.New({Napi::External<std::shared_ptr<Context>>::New(env, result.get())});
        });
  });
}

Napi::Value ContextBinding::info(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto owner = context();
    Napi::Object value = Napi::Object::New(info.Env());
    value.Set("contextSize", owner->n_ctx());
    value.Set("batchSize", owner->n_batch());
    value.Set("microBatchSize", owner->n_ubatch());
    value.Set("maxLeaves", owner->n_leaves_max());
    value.Set("threads", owner->pool()->n_threads());
    value.Set("rollback", owner->rollback() == Rollback::kFull      ? "full"
                          : owner->rollback() == Rollback::kBounded ? "bounded"
                                                                    : "none");
    value.Set("rollbackTokens", owner->n_rollback());
    return value;
  });
}

Napi::Value ContextBinding::length(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const int32_t sequence = int_arg(info[0], "sequence");
    check_sequence(*context(), sequence);
    return Napi::Number::New(info.Env(), context()->length(sequence));
  });
}

Napi::Value ContextBinding::decode(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    struct Job {
      DecodeRequest request;
      std::shared_ptr<Rows> rows;
      Timings timings;
    };
    const auto job = std::make_shared<Job>();
    job->request = decode_request_arg(info[0]);
    job->rows = addon_data(info.Env()).take_rows();
    const uint64_t epoch = context()->epoch();
    return run([job, epoch](Context& owner) { return owner.decode(job->request, epoch, *job->rows, job->timings); },
               [job](Napi::Env env) -> Napi::Value { return with_timings(env, job->timings, std::move(job->rows)); });
  });
}

Napi::Value ContextBinding::draft(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    struct Job {
      DraftRequest request;
      std::vector<int32_t> tokens;
      std::shared_ptr<Rows> rows;
      Timings timings;
    };
    const auto job = std::make_shared<Job>();
    const Napi::Object object = object_arg(info[0], "request");
    job->request = draft_request_arg(object);
    job->request.min_probability = number_arg(object.Get("minProbability"), "minProbability");
    job->rows = addon_data(info.Env()).take_rows();
    const uint64_t epoch = context()->epoch();
    const auto work = [job, epoch](Context& owner) {
      return owner.draft(job->request, epoch, job->tokens, *job->rows, job->timings);
    };
    return run(work, [job](Napi::Env env) -> Napi::Value {
      Napi::Object value = with_timings(env, job->timings, std::move(job->rows));
      value.Set("tokens", to_int32_array(env, job->tokens));
      return value;
    });
  });
}

Napi::Value ContextBinding::grow(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    struct Job {
      GrowRequest request;
      GrownTree tree;
      Timings timings;
    };
    const auto job = std::make_shared<Job>();
    job->request = grow_request_arg(info[0]);
    const auto rows = addon_data(info.Env()).take_rows();
    job->tree.rows = std::move(*rows);
    const uint64_t epoch = context()->epoch();
    const auto work = [job, epoch](Context& owner) {
      return owner.grow(job->request, epoch, job->tree, job->timings);
    };
    return run(work, [job, rows](Napi::Env env) -> Napi::Value {
      *rows = std::move(job->tree.rows);
      Napi::Object value = with_timings(env, job->timings, rows);
      value.Set("tokens", to_int32_array(env, job->tree.tokens));
      value.Set("parents", to_int32_array(env, job->tree.parents));
      Napi::Float64Array probabilities = Napi::Float64Array::New(env, job->tree.probabilities.size());
      std::copy(job->tree.probabilities.begin(), job->tree.probabilities.end(), probabilities.Data());
      value.Set("probabilities", probabilities);
      value.Set("decoded", to_int32_array(env, {job->tree.decoded.begin(), job->tree.decoded.end()}));
      return value;
    });
  });
}

Napi::Value ContextBinding::extend(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    struct Job {
      DraftRequest request;
      std::vector<int32_t> tokens;
      Rows rows;
      Timings timings;
    };
    const auto job = std::make_shared<Job>();
    const Napi::Object object = object_arg(info[0], "request");
    job->request = draft_request_arg(object);
    job->request.extends = true;
    if (!info[1].IsFunction()) reject("a function", "onTokens", info[1]);
    const auto feed = std::make_shared<TokenFeed>(*addon_data(info.Env()).queue, keep_callback(info[1]));
    job->request.on_token = [feed](Span<const int32_t> tokens, const Rows& rows, const Timings& timings) {
      return feed->offer(tokens, rows, timings);
    };
    const uint64_t epoch = context()->epoch();
    const auto work = [job, feed, epoch](Context& owner) {
      const Status status = owner.draft(job->request, epoch, job->tokens, job->rows, job->timings);
      feed->finish(Span<const int32_t>(job->tokens), job->rows, job->timings);
      return status;
    };
    Napi::Object handle = Napi::Object::New(info.Env());
    handle.Set("promise", run(work, [](Napi::Env env) -> Napi::Value { return env.Undefined(); }));
    handle.Set("stop", Napi::Function::New(info.Env(), [feed](const Napi::CallbackInfo&) { feed->stop(); }));
    return handle;
  });
}

// sparseSupport() -> {attentionLayers, expertLayers, expertsUsed, feedForwardLayers} of an empty context
Napi::Value ContextBinding::sparse_support(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    for (int32_t sequence = 0; sequence < context()->n_sequences(); sequence++) {
      if (context()->length(sequence) > 0) throw ArgumentError("Expected an empty context to see what can be left out");
    }
    const auto owner = context();
    const uint64_t epoch = owner->epoch();
    return run([epoch](Context& inner) { return inner.probe_sparse(epoch); },
               [owner](Napi::Env env) -> Napi::Value {
                 const SparseGraph& sparse = *owner->sparse();
                 Napi::Object value = Napi::Object::New(env);
                 value.Set("attentionLayers", sparse.is_supported() ? sparse.n_layers_seen() : 0);
                 value.Set("expertLayers", sparse.n_expert_layers_seen());
                 value.Set("expertsUsed", sparse.n_experts_used());
                 value.Set("feedForwardLayers", sparse.n_ffn_layers_seen());
                 return value;
               });
  });
}

// sparseMeasures() -> {feedForward: [{layer, perToken, perBatch, perBlocks}], experts: [{layer, numUsed, shares}]} of
// the last decode under a plan that measures.
Napi::Value ContextBinding::sparse_measures(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    struct Found {
      std::map<int32_t, FeedForwardMeasure> feed_forward;
      std::map<int32_t, ExpertMeasure> experts;
    };
    const auto found = std::make_shared<Found>();
    const auto work = [found](Context& owner) {
      if (owner.sparse() == nullptr) return Status{};
      found->feed_forward = owner.sparse()->measures().feed_forwards();
      found->experts = owner.sparse()->measures().expert_shares();
      return Status{};
    };
    return run(work, [found](Napi::Env env) -> Napi::Value {
      Napi::Array layers = Napi::Array::New(env);
      for (const auto& [layer, measure] : found->feed_forward) {
        Napi::Object entry = Napi::Object::New(env);
        entry.Set("layer", layer);
        entry.Set("perToken", to_float32_array(env, measure.per_token));
        entry.Set("perBatch", to_float32_array(env, measure.per_batch));
        entry.Set("perBlocks", to_float32_array(env, measure.per_blocks));
        layers.Set(layers.Length(), entry);
      }
      Napi::Array experts = Napi::Array::New(env);
      for (const auto& [layer, measure] : found->experts) {
        Napi::Object entry = Napi::Object::New(env);
        entry.Set("layer", layer);
        entry.Set("numUsed", measure.n_used);
        entry.Set("shares", to_float32_array(env, measure.shares));
        experts.Set(experts.Length(), entry);
      }
      Napi::Object value = Napi::Object::New(env);
      value.Set("feedForward", layers);
      value.Set("experts", experts);
      return value;
    });
  });
}

// sparseChoices() -> [{layer, blocks, scores}] of the last decode whose plan kept its choice.
Napi::Value ContextBinding::sparse_choices(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto found = std::make_shared<std::map<int32_t, BlockChoice>>();
    const auto work = [found](Context& owner) {
      if (owner.sparse() != nullptr) *found = owner.sparse()->choices();
      return Status{};
    };
    return run(work, [found](Napi::Env env) -> Napi::Value {
      Napi::Array list = Napi::Array::New(env);
      for (const auto& [layer, choice] : *found) {
        Napi::Object entry = Napi::Object::New(env);
        entry.Set("layer", layer);
        entry.Set("blocks", to_int32_array(env, choice.blocks));
        entry.Set("scores", to_float32_array(env, choice.scores));
        list.Set(list.Length(), entry);
      }
      return list;
    });
  });
}

Napi::Value ContextBinding::commit(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const int32_t sequence = int_arg(info[0], "sequence");
    const int32_t node = int_arg(info[1], "node");
    check_sequence(*context(), sequence);
    return run([=](Context& owner) { return owner.commit(sequence, node); },
               [](Napi::Env env) -> Napi::Value { return env.Undefined(); });
  });
}

Napi::Value ContextBinding::change_length(const Napi::CallbackInfo& info, Status (Context::*change)(int32_t, int32_t)) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const int32_t sequence = int_arg(info[0], "sequence");
    const int32_t length = int_arg(info[1], "length");
    check_sequence(*context(), sequence);
    if (length < 0) reject("a length of at least 0", "length", info[1]);
    return run([=](Context& owner) { return (owner.*change)(sequence, length); },
               [](Napi::Env env) -> Napi::Value { return env.Undefined(); });
  });
}

Napi::Value ContextBinding::save_state(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const int32_t sequence = int_arg(info[0], "sequence");
    check_sequence(*context(), sequence);
    const auto bytes = std::make_shared<std::vector<uint8_t>>();
    return run([=](Context& owner) { return owner.save_state(sequence, *bytes); },
               [bytes](Napi::Env env) -> Napi::Value {
                 return Napi::Buffer<uint8_t>::Copy(env, bytes->data(), bytes->size());
               });
  });
}

Napi::Value ContextBinding::load_state(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const int32_t sequence = int_arg(info[0], "sequence");
    check_sequence(*context(), sequence);
    if (!info[1].IsBuffer()) reject("a Buffer", "bytes", info[1]);
    const auto buffer = info[1].As<Napi::Buffer<uint8_t>>();
    const auto bytes = std::make_shared<std::vector<uint8_t>>(buffer.Data(), buffer.Data() + buffer.Length());
    const int32_t n_tokens = int_arg(info[2], "numTokens");
    return run([=](Context& owner) { return owner.load_state(sequence, Span<const uint8_t>(*bytes), n_tokens); },
               [](Napi::Env env) -> Napi::Value { return env.Undefined(); });
  });
}

Napi::Value ContextBinding::abort(const Napi::CallbackInfo& info) {
  if (context_) context_->abort();
  return info.Env().Undefined();
}

Napi::Value ContextBinding::dispose(const Napi::CallbackInfo& info) {
  if (context_) context_->abort();
  context_.reset();
  return info.Env().Undefined();
}

}  // namespace outrider
