#include "bindings/model_binding.h"

#include "bindings/addon_data.h"
#include "bindings/args.h"
#include "bindings/callback.h"
#include "bindings/errors.h"
#include "core/gguf_file.h"
#include "core/memory_estimate.h"

namespace outrider {

Napi::Function ModelBinding::define(Napi::Env env) {
  return DefineClass(
      env, "NativeModel",
      {InstanceMethod("info", &ModelBinding::info), InstanceMethod("metadata", &ModelBinding::metadata),
       InstanceMethod("tokenize", &ModelBinding::tokenize), InstanceMethod("piece", &ModelBinding::piece),
       InstanceMethod("detokenize", &ModelBinding::detokenize),
       InstanceMethod("isEndOfGeneration", &ModelBinding::is_end),
       InstanceMethod("compareVocab", &ModelBinding::compare_vocab),
       InstanceMethod("dispose", &ModelBinding::dispose)});
}

ModelBinding::ModelBinding(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ModelBinding>(info) {
  if (info.Length() != 1 || !info[0].IsExternal()) {
    throw Napi::TypeError::New(info.Env(), "A NativeModel is made by loadModel");
  }
  model_ = *info[0].As<Napi::External<std::shared_ptr<Model>>>().Data();
}

Napi::Object ModelBinding::wrap(Napi::Env env, std::shared_ptr<Model> model) {
  return addon_data(env).model_class.New({Napi::External<std::shared_ptr<Model>>::New(env, &model)});
}

std::shared_ptr<Model> ModelBinding::model() const {
  if (!model_) throw to_error(Env(), Status::error(StatusCode::kDisposed, "The model was disposed."));
  return model_;
}

std::shared_ptr<Model> ModelBinding::from(const Napi::Value& value, const char* name) {
  const Napi::Object object = object_arg(value, name);
  if (!object.InstanceOf(addon_data(value.Env()).model_class.Value())) reject("a model", name, value);
  return Unwrap(object)->model();
}

Napi::Value ModelBinding::info(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto owner = model();
    llama_model* raw = owner->get();
    const llama_vocab* vocab = owner->vocab();
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("description", owner->description());
    result.Set("architecture", owner->metadata("general.architecture"));
    result.Set("numParameters", static_cast<double>(llama_model_n_params(raw)));
    result.Set("sizeBytes", static_cast<double>(llama_model_size(raw)));
    result.Set("trainContextSize", llama_model_n_ctx_train(raw));
    result.Set("embeddingSize", llama_model_n_embd(raw));
    result.Set("numLayers", llama_model_n_layer(raw));
    result.Set("numHeads", llama_model_n_head(raw));
    result.Set("numKvHeads", llama_model_n_head_kv(raw));
    result.Set("slidingWindow", llama_model_n_swa(raw));
    result.Set("isRecurrent", owner->is_recurrent());
    result.Set("hasEncoder", llama_model_has_encoder(raw));
    result.Set("vocabSize", owner->n_vocab());
    result.Set("bosToken", llama_vocab_bos(vocab));
    result.Set("eosToken", llama_vocab_eos(vocab));
    result.Set("eotToken", llama_vocab_eot(vocab));
    result.Set("addsBos", llama_vocab_get_add_bos(vocab));
    result.Set("chatTemplate", owner->chat_template());
    return result;
  });
}

Napi::Value ModelBinding::metadata(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto owner = model();
    Napi::Object result = Napi::Object::New(info.Env());
    const int32_t count = llama_model_meta_count(owner->get());
    char key[256];
    for (int32_t i = 0; i < count; i++) {
      if (llama_model_meta_key_by_index(owner->get(), i, key, sizeof(key)) < 0) continue;
      result.Set(key, owner->metadata(key));
    }
    return result;
  });
}

Napi::Value ModelBinding::tokenize(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto owner = model();
    const auto tokens = owner->tokenize(string_arg(info[0], "text"), bool_arg(info[1], "addSpecial"),
                                        bool_arg(info[2], "parseSpecial"));
    Napi::Int32Array result = Napi::Int32Array::New(info.Env(), tokens.size());
    std::copy(tokens.begin(), tokens.end(), result.Data());
    return result;
  });
}

namespace {

int32_t token_arg(const Napi::Value& value, const Model& model) {
  const int32_t token = int_arg(value, "token");
  if (token < 0 || token >= model.n_vocab()) reject("a token id of the vocabulary", "token", value);
  return token;
}

}  // namespace

Napi::Value ModelBinding::piece(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto owner = model();
    const std::string bytes = owner->piece(token_arg(info[0], *owner), bool_arg(info[1], "special"));
    return Napi::Buffer<char>::Copy(info.Env(), bytes.data(), bytes.size());
  });
}

Napi::Value ModelBinding::detokenize(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto owner = model();
    const std::vector<int32_t> tokens = int32_array_arg(info[0], "tokens");
    for (const int32_t token : tokens) {
      if (token < 0 || token >= owner->n_vocab()) {
        throw ArgumentError("Expected token ids below " + std::to_string(owner->n_vocab()) + " but received " +
                            std::to_string(token));
      }
    }
    const std::string bytes = owner->detokenize(Span<const int32_t>(tokens), bool_arg(info[1], "removeSpecial"),
                                                bool_arg(info[2], "special"));
    return Napi::Buffer<char>::Copy(info.Env(), bytes.data(), bytes.size());
  });
}

Napi::Value ModelBinding::is_end(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto owner = model();
    return Napi::Boolean::New(info.Env(), llama_vocab_is_eog(owner->vocab(), token_arg(info[0], *owner)));
  });
}

Napi::Value ModelBinding::compare_vocab(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const VocabDifference difference = compare_vocabs(*model(), *from(info[0], "other"));
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("size", difference.size_first);
    result.Set("otherSize", difference.size_second);
    result.Set("firstDifferentToken", difference.token);
    result.Set("text", difference.text_first);
    result.Set("otherText", difference.text_second);
    return result;
  });
}

Napi::Value ModelBinding::dispose(const Napi::CallbackInfo& info) {
  model_.reset();
  return info.Env().Undefined();
}

ModelOptions model_options_arg(const Napi::Value& value) {
  const Napi::Object object = object_arg(value, "model options");
  ModelOptions options;
  options.n_gpu_layers = int_arg(object.Get("gpuLayers"), "gpuLayers");
  options.use_mmap = bool_arg(object.Get("useMmap"), "useMmap");
  options.use_mlock = bool_arg(object.Get("useMlock"), "useMlock");
  options.check_tensors = bool_arg(object.Get("checkTensors"), "checkTensors");
  options.repacks_weights = bool_arg(object.Get("repacksWeights"), "repacksWeights");
  options.vocab_only = bool_arg(object.Get("vocabOnly"), "vocabOnly");
  const Napi::Value devices = object.Get("devices");
  if (!devices.IsArray()) reject("an array of device names", "devices", devices);
  const auto names = devices.As<Napi::Array>();
  for (uint32_t i = 0; i < names.Length(); i++) options.devices.push_back(string_arg(names.Get(i), "devices"));
  return options;
}

Napi::Value load_model(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Napi::Env env = info.Env();
    AddonData& data = addon_data(env);
    const std::string path = string_arg(info[0], "path");
    const ModelOptions options = model_options_arg(info[1]);
    const Callback callback = info[2].IsFunction() ? keep_callback(info[2]) : nullptr;
    const auto stop = std::make_shared<std::atomic<bool>>(false);
    data.loads.push_back(stop);
    const auto result = std::make_shared<std::shared_ptr<Model>>();
    AsyncQueue* queue = data.queue.get();
    const auto progress = [queue, callback, stop, last = -1.0F](float value) mutable {
      if (callback && (value - last >= 0.01F || value >= 1.0F) && value != last) {
        last = value;
        queue->notify([callback, value](Napi::Env inner) {
          callback->Call({Napi::Number::New(inner, static_cast<double>(value))});
        });
      }
      return !stop->load();
    };
    Napi::Promise promise = queue->run(
        env, data.loader(),
        [=]() {
          const Status status = Model::load(path, options, progress, *result);
          if (callback) queue->notify([callback](Napi::Env) { callback->Reset(); });
          return status;
        },
        [result](Napi::Env inner) -> Napi::Value { return ModelBinding::wrap(inner, std::move(*result)); });
    Napi::Object handle = Napi::Object::New(env);
    handle.Set("promise", promise);
    handle.Set("abort", Napi::Function::New(env, [stop](const Napi::CallbackInfo&) { stop->store(true); }));
    return handle;
  });
}

Napi::Value estimate_memory_js(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    struct Result {
      std::vector<DeviceMemory> devices;
      int32_t n_layers = 0;
    };
    AddonData& data = addon_data(info.Env());
    const std::string path = string_arg(info[0], "path");
    const ModelOptions model_options = model_options_arg(info[1]);
    const ContextOptions context_options = context_options_arg(info[2]);
    const auto result = std::make_shared<Result>();
    return data.queue->run(
        info.Env(), data.loader(),
        [=] { return estimate_memory(path, model_options, context_options, result->devices, result->n_layers); },
        [result](Napi::Env env) -> Napi::Value {
          Napi::Object value = Napi::Object::New(env);
          Napi::Array devices = Napi::Array::New(env);
          for (const DeviceMemory& memory : result->devices) {
            Napi::Object entry = Napi::Object::New(env);
            entry.Set("device", memory.device);
            entry.Set("modelBytes", static_cast<double>(memory.model_bytes));
            entry.Set("contextBytes", static_cast<double>(memory.context_bytes));
            entry.Set("computeBytes", static_cast<double>(memory.compute_bytes));
            devices.Set(devices.Length(), entry);
          }
          value.Set("devices", devices);
          value.Set("numLayers", result->n_layers);
          return value;
        });
  });
}

Napi::Value read_gguf(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    AddonData& data = addon_data(info.Env());
    const std::string path = string_arg(info[0], "path");
    const auto header = std::make_shared<GgufHeader>();
    return data.queue->run(
        info.Env(), data.loader(), [path, header] { return read_gguf_header(path, *header); },
        [header](Napi::Env env) -> Napi::Value {
          Napi::Object value = Napi::Object::New(env);
          value.Set("version", header->version);
          value.Set("fileBytes", static_cast<double>(header->file_bytes));
          value.Set("architecture", header->architecture);
          Napi::Object metadata = Napi::Object::New(env);
          for (const auto& entry : header->metadata) metadata.Set(entry.first, entry.second);
          value.Set("metadata", metadata);
          Napi::Array tensors = Napi::Array::New(env, header->tensors.size());
          for (size_t i = 0; i < header->tensors.size(); i++) {
            const GgufTensor& tensor = header->tensors[i];
            Napi::Object entry = Napi::Object::New(env);
            entry.Set("name", tensor.name);
            entry.Set("type", tensor.type);
            entry.Set("bytes", static_cast<double>(tensor.bytes));
            Napi::Array shape = Napi::Array::New(env, tensor.shape.size());
            for (size_t dim = 0; dim < tensor.shape.size(); dim++) {
              shape.Set(static_cast<uint32_t>(dim), static_cast<double>(tensor.shape[dim]));
            }
            entry.Set("shape", shape);
            tensors.Set(static_cast<uint32_t>(i), entry);
          }
          value.Set("tensors", tensors);
          return value;
        });
  });
}

}  // namespace outrider
