// Contexts as JavaScript sees them: every call that computes returns a promise.
#pragma once

#include <napi.h>

#include <memory>

#include "core/context.h"

namespace outrider {

class ContextBinding : public Napi::ObjectWrap<ContextBinding> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit ContextBinding(const Napi::CallbackInfo& info);

 private:
  Napi::Value change_length(const Napi::CallbackInfo& info, Status (Context::*change)(int32_t, int32_t));
  std::shared_ptr<Context> context() const;
  // Runs `work` on the context's pool; the context stays alive until it is done.
  Napi::Promise run(std::function<Status(Context&)> work, std::function<Napi::Value(Napi::Env)> settle);

  Napi::Value info(const Napi::CallbackInfo& info);
  Napi::Value length(const Napi::CallbackInfo& info);
  Napi::Value decode(const Napi::CallbackInfo& info);
  Napi::Value draft(const Napi::CallbackInfo& info);
  Napi::Value extend(const Napi::CallbackInfo& info);
  Napi::Value grow(const Napi::CallbackInfo& info);
  Napi::Value sparse_support(const Napi::CallbackInfo& info);
  Napi::Value sparse_measures(const Napi::CallbackInfo& info);
  Napi::Value sparse_choices(const Napi::CallbackInfo& info);
  Napi::Value commit(const Napi::CallbackInfo& info);
  Napi::Value truncate(const Napi::CallbackInfo& info) { return change_length(info, &Context::truncate); }
  Napi::Value claim(const Napi::CallbackInfo& info) { return change_length(info, &Context::claim); }
  Napi::Value save_state(const Napi::CallbackInfo& info);
  Napi::Value load_state(const Napi::CallbackInfo& info);
  Napi::Value abort(const Napi::CallbackInfo& info);
  Napi::Value dispose(const Napi::CallbackInfo& info);

  std::shared_ptr<Context> context_;
};

// createContext(model, pool, options) -> Promise<NativeContext>
Napi::Value create_context(const Napi::CallbackInfo& info);

}  // namespace outrider
