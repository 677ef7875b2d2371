#include "core/model.h"

#include <algorithm>

#include "core/backend.h"
#include "core/gguf_file.h"
#include "core/log.h"

namespace outrider {

namespace {

struct ProgressState {
  const std::function<bool(float)>* progress;
  bool stopped = false;
};

bool forward_progress(float value, void* data) {
  auto* state = static_cast<ProgressState*>(data);
  if (state->progress != nullptr && *state->progress && !(*state->progress)(value)) state->stopped = true;
  return !state->stopped;
}

// llama.cpp reports why a load failed only in its log.
Status load_failure(const std::string& path, const std::string& log) {
  const auto mentions = [&log](const char* text) {
    return log.find(text) != std::string::npos;
  };
  const std::string detail = log.empty() ? "" : ": " + log;
  if (mentions("unknown model architecture")) {
    return Status::error(StatusCode::kModelUnsupported,
                         path + " has an architecture that llama.cpp " OUTRIDER_LLAMA_TAG " does not know" + detail);
  }
  if (mentions("allocat") || mentions("out of memory")) {
    return Status::error(StatusCode::kOutOfMemory, path + " does not fit into memory" + detail +
                                                       ". Offload fewer layers or use a smaller quantisation.");
  }
  return Status::error(StatusCode::kModelLoad, path + " could not be loaded" + detail);
}

Status pick_devices(const ModelOptions& options, std::vector<ggml_backend_dev_t>& devices) {
  if (!options.devices.empty()) {
    for (const std::string& name : options.devices) {
      ggml_backend_dev_t device = ggml_backend_dev_by_name(name.c_str());
      if (device == nullptr) {
        return Status::error(StatusCode::kInvalidArgument, "Expected the name of a device but received " + name + ".");
      }
      devices.push_back(device);
    }
  } else if (options.n_gpu_layers != 0) {
    devices = gpu_devices();
  }
  devices.push_back(nullptr);
  return {};
}

}  // namespace

Status Model::load(const std::string& path, const ModelOptions& options, const std::function<bool(float)>& progress,
                   std::shared_ptr<Model>& model) {
  init_backends();
  GgufHeader header;
  Status status = read_gguf_header(path, header);
  if (status.ok() && !options.vocab_only) status = check_gguf_loadable(path, header);
  if (!status.ok()) return status;
  std::vector<ggml_backend_dev_t> devices;
  status = pick_devices(options, devices);
  if (!status.ok()) return status;

  llama_model_params params = llama_model_default_params();
  params.devices = devices.data();
  params.n_gpu_layers = options.n_gpu_layers;
  params.load_mode = options.no_alloc || (!options.use_mmap && !options.use_mlock) ? LLAMA_LOAD_MODE_NONE
                     : !options.use_mlock                                          ? LLAMA_LOAD_MODE_MMAP
                     : options.use_mmap                                            ? LLAMA_LOAD_MODE_MMAP_MLOCK
                                                                                   : LLAMA_LOAD_MODE_MLOCK;
  params.check_tensors = options.check_tensors;
  params.use_extra_bufts = options.repacks_weights;
  params.vocab_only = options.vocab_only;
  params.no_alloc = options.no_alloc;
  ProgressState state{&progress};
  params.progress_callback = forward_progress;
  params.progress_callback_user_data = &state;
  clear_thread_errors();
  llama_model* raw = llama_model_load_from_file(path.c_str(), params);
  if (state.stopped) {
    if (raw != nullptr) llama_model_free(raw);
    return Status::error(StatusCode::kAborted, "Loading " + path + " was aborted.");
  }
  if (raw == nullptr) return load_failure(path, take_thread_errors());
  model = std::make_shared<Model>(raw);
  if (!options.vocab_only && !llama_model_has_decoder(raw)) {
    return Status::error(StatusCode::kModelUnsupported, path + " is an encoder: it cannot generate text.");
  }
  return {};
}

std::string Model::description() const {
  char text[256] = {};
  llama_model_desc(model_, text, sizeof(text));
  return text;
}

std::string Model::metadata(const std::string& key) const {
  std::vector<char> text(256);
  const int32_t length = llama_model_meta_val_str(model_, key.c_str(), text.data(), text.size());
  if (length < 0) return "";
  if (static_cast<size_t>(length) >= text.size()) {
    text.resize(static_cast<size_t>(length) + 1);
    llama_model_meta_val_str(model_, key.c_str(), text.data(), text.size());
  }
  return text.data();
}

std::string Model::chat_template() const {
  const char* text = llama_model_chat_template(model_, nullptr);
  return text == nullptr ? "" : text;
}

std::vector<int32_t> Model::tokenize(const std::string& text, bool add_special, bool parse_special) const {
  std::vector<int32_t> tokens(text.size() + 8);
  const auto run = [&] {
    return llama_tokenize(vocab(), text.data(), static_cast<int32_t>(text.size()), tokens.data(),
                          static_cast<int32_t>(tokens.size()), add_special, parse_special);
  };
  int32_t count = run();
  if (count < 0) {
    tokens.resize(static_cast<size_t>(-static_cast<int64_t>(count)));
    count = run();
  }
  tokens.resize(static_cast<size_t>(std::max(count, 0)));
  return tokens;
}

std::string Model::piece(int32_t token, bool special) const {
  std::string bytes(32, '\0');
  int32_t length = llama_token_to_piece(vocab(), token, &bytes[0], static_cast<int32_t>(bytes.size()), 0, special);
  if (length < 0) {
    bytes.resize(static_cast<size_t>(-length));
    length = llama_token_to_piece(vocab(), token, &bytes[0], static_cast<int32_t>(bytes.size()), 0, special);
  }
  bytes.resize(static_cast<size_t>(std::max(length, 0)));
  return bytes;
}

std::string Model::detokenize(Span<const int32_t> tokens, bool remove_special, bool unparse_special) const {
  std::string text(tokens.size() * 8 + 16, '\0');
  const auto run = [&] {
    return llama_detokenize(vocab(), tokens.data(), static_cast<int32_t>(tokens.size()), &text[0],
                            static_cast<int32_t>(text.size()), remove_special, unparse_special);
  };
  int32_t length = run();
  if (length < 0) {
    text.resize(static_cast<size_t>(-static_cast<int64_t>(length)));
    length = run();
  }
  text.resize(static_cast<size_t>(std::max(length, 0)));
  return text;
}

VocabDifference compare_vocabs(const Model& first, const Model& second) {
  VocabDifference result;
  result.size_first = first.n_vocab();
  result.size_second = second.n_vocab();
  const int32_t shared = std::min(result.size_first, result.size_second);
  const auto text_of = [](const Model& model, int32_t token) {
    const char* text = llama_vocab_get_text(model.vocab(), token);
    return std::string(text == nullptr ? "" : text);
  };
  for (int32_t token = 0; token < shared; token++) {
    std::string text_first = text_of(first, token);
    std::string text_second = text_of(second, token);
    const bool same_end = llama_vocab_is_eog(first.vocab(), token) == llama_vocab_is_eog(second.vocab(), token);
    if (text_first != text_second || !same_end) {
      result.token = token;
      result.text_first = std::move(text_first);
      result.text_second = std::move(text_second);
      return result;
    }
  }
  const Model& larger = result.size_first > shared ? first : second;
  for (int32_t token = shared; token < larger.n_vocab(); token++) {
    if ((llama_vocab_get_attr(larger.vocab(), token) & LLAMA_TOKEN_ATTR_UNUSED) == 0) {
      result.token = token;
      (&larger == &first ? result.text_first : result.text_second) = text_of(larger, token);
      return result;
    }
  }
  return result;
}

}  // namespace outrider
