// Samplers, compute pools and distribution rows as JavaScript sees them.
#pragma once

#include <napi.h>

#include <memory>

#include "core/compute_pool.h"
#include "sampling/rows.h"
#include "sampling/sampler_chain.h"

namespace outrider {

class SamplerBinding : public Napi::ObjectWrap<SamplerBinding> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit SamplerBinding(const Napi::CallbackInfo& info);
  static std::shared_ptr<SamplerChain> from(const Napi::Value& value);

 private:
  Napi::Value apply(const Napi::CallbackInfo& info);

  std::shared_ptr<SamplerChain> chain_;
};

class PoolBinding : public Napi::ObjectWrap<PoolBinding> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit PoolBinding(const Napi::CallbackInfo& info);
  static std::shared_ptr<ComputePool> from(const Napi::Value& value);

 private:
  Napi::Value set_active(const Napi::CallbackInfo& info);
  Napi::Value dispose(const Napi::CallbackInfo& info);

  std::shared_ptr<ComputePool> pool_;
};

class RowsBinding : public Napi::ObjectWrap<RowsBinding> {
 public:
  static Napi::Function define(Napi::Env env);
  static Napi::Object wrap(Napi::Env env, std::shared_ptr<Rows> rows);
  explicit RowsBinding(const Napi::CallbackInfo& info);
  // The rows, or an error when they were released.
  static std::shared_ptr<Rows> from(const Napi::Value& value, const char* name);

 private:
  Napi::Value num_rows(const Napi::CallbackInfo& info);
  Napi::Value row(const Napi::CallbackInfo& info);
  Napi::Value probabilities(const Napi::CallbackInfo& info);
  Napi::Value logprobs(const Napi::CallbackInfo& info);
  Napi::Value append(const Napi::CallbackInfo& info);
  Napi::Value release(const Napi::CallbackInfo& info);

  // Index of a row that is there.
  size_t row_arg(const Napi::Value& value) const;

  std::shared_ptr<Rows> rows_;
};

// packRows(offsets [n_rows + 1], ids, probs): distributions computed in JavaScript, as native rows.
Napi::Value pack_rows(const Napi::CallbackInfo& info);

}  // namespace outrider
