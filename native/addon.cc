// Registers every export; state lives with the JavaScript environment, so that workers have their own.
#include <napi.h>

#include "bindings/addon_data.h"
#include "bindings/args.h"
#include "bindings/callback.h"
#include "bindings/context_binding.h"
#include "bindings/errors.h"
#include "bindings/model_binding.h"
#include "bindings/sampler_binding.h"
#include "bindings/verify_binding.h"
#include "core/backend.h"
#include "core/log.h"

namespace outrider {

namespace {

Napi::Value devices(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Napi::Array result = Napi::Array::New(info.Env());
    for (const DeviceInfo& device : list_devices()) {
      Napi::Object entry = Napi::Object::New(info.Env());
      entry.Set("name", device.name);
      entry.Set("description", device.description);
      entry.Set("backend", device.backend);
      entry.Set("type", device.type);
      entry.Set("freeBytes", static_cast<double>(device.free_bytes));
      entry.Set("totalBytes", static_cast<double>(device.total_bytes));
      result.Set(result.Length(), entry);
    }
    return result;
  });
}

Napi::Value load_plugin(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Status status = load_backend_plugin(string_arg(info[0], "path"));
    if (!status.ok()) throw to_error(info.Env(), status);
    return info.Env().Undefined();
  });
}

// setLogger(callback | undefined, minLevel)
Napi::Value set_logger(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    AddonData& data = addon_data(info.Env());
    if (data.log_sink != 0) remove_log_sink(data.log_sink);
    data.log_sink = 0;
    if (!info[0].IsFunction()) return info.Env().Undefined();
    const Callback callback = keep_callback(info[0]);
    AsyncQueue* queue = data.queue.get();
    data.log_sink = add_log_sink(int_arg(info[1], "minLevel"), [queue, callback](int level, const std::string& text) {
      queue->notify([callback, level, text](Napi::Env env) {
        callback->Call({Napi::Number::New(env, level), Napi::String::New(env, text)});
      });
    });
    data.remove_sink = remove_log_sink;
    return info.Env().Undefined();
  });
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  init_backends();
  auto* data = new AddonData(env);
  env.SetInstanceData(data);
  env.AddCleanupHook([](AddonData* closing) { closing->close(); }, data);
  const auto define = [](Napi::FunctionReference& reference, const Napi::Function& constructor) {
    reference = Napi::Persistent(constructor);
    reference.SuppressDestruct();
  };
  define(data->model_class, ModelBinding::define(env));
  define(data->pool_class, PoolBinding::define(env));
  define(data->sampler_class, SamplerBinding::define(env));
  define(data->context_class, ContextBinding::define(env));
  define(data->rows_class, RowsBinding::define(env));
  exports.Set("Pool", data->pool_class.Value());
  exports.Set("Sampler", data->sampler_class.Value());
  exports.Set("llamaCppTag", OUTRIDER_LLAMA_TAG);
  exports.Set("ggmlVersion", ggml_version());
  exports.Set("systemInfo", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                return Napi::String::New(info.Env(), llama_print_system_info());
              }));
  exports.Set("devices", Napi::Function::New(env, devices));
  exports.Set("loadPlugin", Napi::Function::New(env, load_plugin));
  exports.Set("setLogger", Napi::Function::New(env, set_logger));
  exports.Set("readGguf", Napi::Function::New(env, read_gguf));
  exports.Set("loadModel", Napi::Function::New(env, load_model));
  exports.Set("estimateMemory", Napi::Function::New(env, estimate_memory_js));
  exports.Set("createContext", Napi::Function::New(env, create_context));
  exports.Set("packRows", Napi::Function::New(env, pack_rows));
  exports.Set("verify", Napi::Function::New(env, verify));
  exports.Set("close", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                addon_data(info.Env()).close();
                return info.Env().Undefined();
              }));
  return exports;
}

}  // namespace

}  // namespace outrider

static Napi::Object InitAddon(Napi::Env env, Napi::Object exports) { return outrider::init(env, exports); }

NODE_API_MODULE(outrider, InitAddon)
