// Models, memory estimates and GGUF headers as JavaScript sees them.
#pragma once

#include <napi.h>

#include <memory>

#include "core/context.h"
#include "core/model.h"

namespace outrider {

class ModelBinding : public Napi::ObjectWrap<ModelBinding> {
 public:
  static Napi::Function define(Napi::Env env);
  static Napi::Object wrap(Napi::Env env, std::shared_ptr<Model> model);
  explicit ModelBinding(const Napi::CallbackInfo& info);

  // The model, or an error when it was disposed.
  std::shared_ptr<Model> model() const;
  static std::shared_ptr<Model> from(const Napi::Value& value, const char* name);

 private:
  Napi::Value info(const Napi::CallbackInfo& info);
  Napi::Value metadata(const Napi::CallbackInfo& info);
  Napi::Value tokenize(const Napi::CallbackInfo& info);
  Napi::Value piece(const Napi::CallbackInfo& info);
  Napi::Value detokenize(const Napi::CallbackInfo& info);
  Napi::Value is_end(const Napi::CallbackInfo& info);
  Napi::Value compare_vocab(const Napi::CallbackInfo& info);
  Napi::Value dispose(const Napi::CallbackInfo& info);

  std::shared_ptr<Model> model_;
};

// loadModel(path, options, onProgress) -> {promise, abort}
Napi::Value load_model(const Napi::CallbackInfo& info);
// estimateMemory(path, modelOptions, contextOptions) -> Promise
Napi::Value estimate_memory_js(const Napi::CallbackInfo& info);
// readGguf(path) -> Promise
Napi::Value read_gguf(const Napi::CallbackInfo& info);

// Reads the options of a model or a context; throws ArgumentError.
ModelOptions model_options_arg(const Napi::Value& value);
ContextOptions context_options_arg(const Napi::Value& value);

}  // namespace outrider
