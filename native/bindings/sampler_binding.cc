#include "bindings/sampler_binding.h"

#include <algorithm>

#include "bindings/addon_data.h"
#include "bindings/args.h"
#include "bindings/errors.h"
#include "sampling/distribution.h"
#include "sampling/logprobs.h"

namespace outrider {

namespace {

SamplerParams sampler_params_arg(const Napi::Value& value) {
  const Napi::Object object = object_arg(value, "sampling");
  SamplerParams params;
  const auto number = [&](const char* name) {
    return number_arg(object.Get(name), name);
  };
  const auto integer = [&](const char* name) {
    return int_arg(object.Get(name), name);
  };
  params.repeat_penalty = number("repeatPenalty");
  params.frequency_penalty = number("frequencyPenalty");
  params.presence_penalty = number("presencePenalty");
  params.penalty_last_n = integer("penaltyLastN");
  params.dry_multiplier = number("dryMultiplier");
  params.dry_base = number("dryBase");
  params.dry_allowed_length = integer("dryAllowedLength");
  params.dry_penalty_last_n = integer("dryPenaltyLastN");
  params.dry_sequence_breakers = int32_array_arg(object.Get("drySequenceBreakers"), "drySequenceBreakers");
  params.temperature = number("temperature");
  params.top_k = integer("topK");
  params.top_p = number("topP");
  params.min_p = number("minP");
  params.typical_p = number("typicalP");
  const auto tokens = int32_array_arg(object.Get("biasTokens"), "biasTokens");
  const auto values = float64_array_arg(object.Get("biasValues"), "biasValues");
  if (tokens.size() != values.size()) throw ArgumentError("Expected as many biasValues as biasTokens");
  for (size_t i = 0; i < tokens.size(); i++) {
    if (tokens[i] < 0) throw ArgumentError("Expected token ids of at least 0 for logitBias");
    params.logit_bias.emplace_back(tokens[i], values[i]);
  }
  return params;
}

}  // namespace

Napi::Function SamplerBinding::define(Napi::Env env) {
  return DefineClass(env, "NativeSampler", {InstanceMethod("apply", &SamplerBinding::apply)});
}

SamplerBinding::SamplerBinding(const Napi::CallbackInfo& info) : Napi::ObjectWrap<SamplerBinding>(info) {
  guarded(info.Env(), [&]() -> Napi::Value {
    chain_ = std::make_shared<SamplerChain>(sampler_params_arg(info[0]));
    return info.Env().Undefined();
  });
}

std::shared_ptr<SamplerChain> SamplerBinding::from(const Napi::Value& value) {
  const Napi::Object object = object_arg(value, "sampler");
  if (!object.InstanceOf(addon_data(value.Env()).sampler_class.Value())) reject("a sampler", "sampler", value);
  return Unwrap(object)->chain_;
}

// apply(logits: Float32Array, history: Int32Array) -> NativeRows of one row; for tests and benchmarks.
Napi::Value SamplerBinding::apply(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (!info[0].IsTypedArray() || info[0].As<Napi::TypedArray>().TypedArrayType() != napi_float32_array) {
      reject("a Float32Array", "logits", info[0]);
    }
    const auto logits = info[0].As<Napi::Float32Array>();
    const auto history = int32_array_arg(info[1], "history");
    const auto n = static_cast<int32_t>(logits.ElementLength());
    auto rows = addon_data(info.Env()).take_rows();
    if (!chain_->apply(logits.Data(), n, n, Span<const int32_t>(history), *rows)) {
      throw to_error(info.Env(), Status::error(StatusCode::kDecode, "No token has a finite logit."));
    }
    return RowsBinding::wrap(info.Env(), std::move(rows));
  });
}

Napi::Function PoolBinding::define(Napi::Env env) {
  return DefineClass(
      env, "NativePool",
      {InstanceMethod("setActive", &PoolBinding::set_active), InstanceMethod("dispose", &PoolBinding::dispose)});
}

PoolBinding::PoolBinding(const Napi::CallbackInfo& info) : Napi::ObjectWrap<PoolBinding>(info) {
  guarded(info.Env(), [&]() -> Napi::Value {
    const int32_t n_threads = int_arg(info[0], "threads");
    if (n_threads < 1 || n_threads > GGML_MAX_N_THREADS) reject("1 to 512", "threads", info[0]);
    pool_ = std::make_shared<ComputePool>(n_threads);
    return info.Env().Undefined();
  });
}

std::shared_ptr<ComputePool> PoolBinding::from(const Napi::Value& value) {
  const Napi::Object object = object_arg(value, "pool");
  if (!object.InstanceOf(addon_data(value.Env()).pool_class.Value())) reject("a pool", "pool", value);
  PoolBinding* binding = Unwrap(object);
  if (!binding->pool_) {
    throw to_error(value.Env(), Status::error(StatusCode::kDisposed, "The compute pool was disposed."));
  }
  return binding->pool_;
}

// setActive(numThreads): from the next batch on.
Napi::Value PoolBinding::set_active(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const int32_t n_threads = int_arg(info[0], "threads");
    if (pool_ != nullptr) pool_->set_active(n_threads);
    return info.Env().Undefined();
  });
}

Napi::Value PoolBinding::dispose(const Napi::CallbackInfo& info) {
  pool_.reset();
  return info.Env().Undefined();
}

Napi::Function RowsBinding::define(Napi::Env env) {
  return DefineClass(
      env, "NativeRows",
      {InstanceMethod("numRows", &RowsBinding::num_rows), InstanceMethod("row", &RowsBinding::row),
       InstanceMethod("logprobs", &RowsBinding::logprobs), InstanceMethod("append", &RowsBinding::append),
       InstanceMethod("probabilities", &RowsBinding::probabilities), InstanceMethod("release", &RowsBinding::release)});
}

RowsBinding::RowsBinding(const Napi::CallbackInfo& info) : Napi::ObjectWrap<RowsBinding>(info) {
  if (info.Length() != 1 || !info[0].IsExternal()) {
    throw Napi::TypeError::New(info.Env(), "NativeRows are made by decode");
  }
  rows_ = std::move(*info[0].As<Napi::External<std::shared_ptr<Rows>>>().Data());
}

Napi::Object RowsBinding::wrap(Napi::Env env, std::shared_ptr<Rows> rows) {
  return addon_data(env).rows_class.New({Napi::External<std::shared_ptr<Rows>>::New(env, &rows)});
}

std::shared_ptr<Rows> RowsBinding::from(const Napi::Value& value, const char* name) {
  const Napi::Object object = object_arg(value, name);
  if (!object.InstanceOf(addon_data(value.Env()).rows_class.Value())) reject("native rows", name, value);
  RowsBinding* binding = Unwrap(object);
  if (!binding->rows_) {
    throw to_error(value.Env(), Status::error(StatusCode::kDisposed, std::string(name) + " were already released."));
  }
  return binding->rows_;
}

Napi::Value RowsBinding::num_rows(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), rows_ ? static_cast<double>(rows_->n_rows()) : 0);
}

size_t RowsBinding::row_arg(const Napi::Value& value) const {
  if (!rows_) throw to_error(Env(), Status::error(StatusCode::kDisposed, "The rows were already released."));
  const int32_t index = int_arg(value, "row");
  if (index < 0 || static_cast<size_t>(index) >= rows_->n_rows()) {
    throw Napi::RangeError::New(
        Env(), "Expected a row below " + std::to_string(rows_->n_rows()) + " but received " + std::to_string(index));
  }
  return static_cast<size_t>(index);
}

Napi::Value RowsBinding::row(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const size_t at = row_arg(info[0]);
    const size_t size = rows_->row_size(at);
    Napi::Int32Array ids = Napi::Int32Array::New(info.Env(), size);
    Napi::Float64Array probs = Napi::Float64Array::New(info.Env(), size);
    std::copy(rows_->row_ids(at), rows_->row_ids(at) + size, ids.Data());
    std::copy(rows_->row_probs(at), rows_->row_probs(at) + size, probs.Data());
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("ids", ids);
    result.Set("probs", probs);
    return result;
  });
}

// probabilities(tokens: [n_rows]) -> {own, largest}: of a token in each row, 0 outside its support, and of the
// likeliest.
Napi::Value RowsBinding::probabilities(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const std::vector<int32_t> tokens = int32_array_arg(info[0], "tokens");
    const size_t n_rows = rows_ ? rows_->n_rows() : 0;
    if (tokens.size() != n_rows) {
      throw ArgumentError("Expected a token for each of " + std::to_string(n_rows) + " rows but received " +
                          std::to_string(tokens.size()));
    }
    Napi::Float64Array own = Napi::Float64Array::New(info.Env(), n_rows);
    Napi::Float64Array largest = Napi::Float64Array::New(info.Env(), n_rows);
    for (size_t i = 0; i < n_rows; i++) {
      const DistView law{rows_->row_ids(i), rows_->row_probs(i), rows_->row_size(i)};
      own[i] = probability_of(law, tokens[i]);
      largest[i] = law.size == 0 ? 0 : *std::max_element(law.probs, law.probs + law.size);
    }
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("own", own);
    result.Set("largest", largest);
    return result;
  });
}

// logprobs(row, token, numTop) -> {ids, logprobs, probs} of the token and of the likeliest ones, probs 0 outside the
// row's support; the rows have to have kept their logits.
Napi::Value RowsBinding::logprobs(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const size_t at = row_arg(info[0]);
    if (rows_->logits.empty()) throw ArgumentError("Expected rows that keep their logits");
    const size_t n_vocab = rows_->logits.size() / rows_->n_rows();
    const int32_t token = int_arg(info[1], "token");
    const int32_t n_top = int_arg(info[2], "numTop");
    if (token < 0 || static_cast<size_t>(token) >= n_vocab) reject("a token of the vocabulary", "token", info[1]);
    if (n_top < 0) reject("0 or more", "numTop", info[2]);
    const TokenLogprobs found =
        token_logprobs(rows_->logits.data() + at * n_vocab, n_vocab, token, static_cast<size_t>(n_top));
    const DistView law{rows_->row_ids(at), rows_->row_probs(at), rows_->row_size(at)};
    Napi::Int32Array ids = Napi::Int32Array::New(info.Env(), found.ids.size());
    Napi::Float64Array logprobs = Napi::Float64Array::New(info.Env(), found.ids.size());
    Napi::Float64Array probs = Napi::Float64Array::New(info.Env(), found.ids.size());
    for (size_t i = 0; i < found.ids.size(); i++) {
      ids[i] = found.ids[i];
      logprobs[i] = found.logprobs[i];
      probs[i] = probability_of(law, found.ids[i]);
    }
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("ids", ids);
    result.Set("logprobs", logprobs);
    result.Set("probs", probs);
    return result;
  });
}

// append(rows, indices): copies rows of others behind these, without their logits.
Napi::Value RowsBinding::append(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (!rows_) throw to_error(Env(), Status::error(StatusCode::kDisposed, "The rows were already released."));
    const std::shared_ptr<Rows> from = RowsBinding::from(info[0], "rows");
    if (from == rows_) throw ArgumentError("Expected other rows to append");
    for (const int32_t index : int32_array_arg(info[1], "indices")) {
      if (index < 0 || static_cast<size_t>(index) >= from->n_rows()) {
        throw ArgumentError("Expected rows below " + std::to_string(from->n_rows()) + " for indices but received " +
                            std::to_string(index));
      }
      const auto row = static_cast<size_t>(index);
      rows_->append({from->row_ids(row), from->row_probs(row), from->row_size(row)});
    }
    return info.Env().Undefined();
  });
}

Napi::Value RowsBinding::release(const Napi::CallbackInfo& info) {
  addon_data(info.Env()).return_rows(std::move(rows_));
  rows_.reset();
  return info.Env().Undefined();
}

Napi::Value pack_rows(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const std::vector<int32_t> offsets = int32_array_arg(info[0], "offsets");
    const auto rows = std::make_shared<Rows>();
    const std::vector<int32_t> ids = int32_array_arg(info[1], "ids");
    const std::vector<double> probs = float64_array_arg(info[2], "probs");
    rows->ids.assign(ids.begin(), ids.end());
    rows->probs.assign(probs.begin(), probs.end());
    bool is_valid = !offsets.empty() && offsets.front() == 0 && rows->ids.size() == rows->probs.size() &&
                    offsets.back() == static_cast<int64_t>(rows->ids.size());
    for (size_t row = 1; is_valid && row < offsets.size(); row++) is_valid = offsets[row] > offsets[row - 1];
    for (size_t row = 1; is_valid && row < offsets.size(); row++) {
      for (int32_t at = offsets[row - 1] + 1; at < offsets[row]; at++) {
        is_valid = is_valid && rows->ids[static_cast<size_t>(at)] > rows->ids[static_cast<size_t>(at) - 1];
      }
    }
    if (!is_valid) {
      throw to_error(info.Env(),
                     Status::error(StatusCode::kShape, "Expected rows with at least one token each, ids ascending."));
    }
    rows->offsets.assign(offsets.begin(), offsets.end());
    return RowsBinding::wrap(info.Env(), rows);
  });
}

}  // namespace outrider
