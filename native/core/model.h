// A loaded model: weights and vocabulary, shared by any number of contexts.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/span.h"
#include "core/status.h"
#include "llama.h"

namespace outrider {

struct ModelOptions {
  int32_t n_gpu_layers = 0;  // negative means all
  bool use_mmap = true;
  bool use_mlock = false;
  bool check_tensors = false;
  bool repacks_weights = true;  // for faster products on this CPU; else they lie as in the file
  bool vocab_only = false;
  bool no_alloc = false;             // measure memory only
  std::vector<std::string> devices;  // empty: every GPU when layers are offloaded, else none
};

struct VocabDifference {
  int32_t size_first = 0;
  int32_t size_second = 0;
  int32_t token = -1;  // first token that differs, -1 for none
  std::string text_first;
  std::string text_second;
};

class Model {
 public:
  // Loads a GGUF file; `progress` gets [0, 1] and returns false to stop. Blocks: call off the main thread.
  static Status load(const std::string& path, const ModelOptions& options, const std::function<bool(float)>& progress,
                     std::shared_ptr<Model>& model);

  explicit Model(llama_model* model) : model_(model) {}
  ~Model() { llama_model_free(model_); }
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  llama_model* get() const { return model_; }
  const llama_vocab* vocab() const { return llama_model_get_vocab(model_); }
  int32_t n_vocab() const { return llama_vocab_n_tokens(vocab()); }
  bool is_recurrent() const { return llama_model_is_recurrent(model_) || llama_model_is_hybrid(model_); }
  std::string description() const;
  std::string metadata(const std::string& key) const;
  std::string chat_template() const;

  std::vector<int32_t> tokenize(const std::string& text, bool add_special, bool parse_special) const;
  // Bytes of a token; empty for control tokens unless `special`.
  std::string piece(int32_t token, bool special) const;
  std::string detokenize(Span<const int32_t> tokens, bool remove_special, bool unparse_special) const;

 private:
  llama_model* model_;
};

// Compares vocabularies token by token: text and kind. Unused padding tokens at the end of the larger one are allowed.
VocabDifference compare_vocabs(const Model& first, const Model& second);

}  // namespace outrider
