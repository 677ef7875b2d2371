// The yardstick of the library's overhead: llama_decode and an argmax in a bare loop.
// plain_loop MODEL N_THREADS N_CTX, then on each line of stdin: N_TOKENS TOKEN... It decodes the prompt from an empty
// cache, generates N_TOKENS greedily, and prints the milliseconds of the generation and the last token.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "ggml-cpu.h"
#include "llama.h"

namespace {

llama_token argmax(const float* logits, int32_t n_vocab) {
  llama_token best = 0;
  for (llama_token token = 1; token < n_vocab; token++) {
    if (logits[token] > logits[best]) best = token;
  }
  return best;
}

bool run(llama_context* context, std::vector<llama_token> prompt, int32_t n_tokens, int32_t n_vocab) {
  llama_memory_clear(llama_get_memory(context), true);
  llama_token next = prompt.back();
  prompt.pop_back();
  if (!prompt.empty() &&
      llama_decode(context, llama_batch_get_one(prompt.data(), static_cast<int32_t>(prompt.size()))) != 0) {
    return false;
  }
  llama_synchronize(context);
  const auto start = std::chrono::steady_clock::now();
  for (int32_t i = 0; i < n_tokens; i++) {
    if (llama_decode(context, llama_batch_get_one(&next, 1)) != 0) return false;
    next = argmax(llama_get_logits_ith(context, -1), n_vocab);
  }
  const std::chrono::duration<double, std::milli> ms = std::chrono::steady_clock::now() - start;
  std::printf("%.6f %d\n", ms.count(), next);
  std::fflush(stdout);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: plain_loop MODEL N_THREADS N_CTX\n");
    return 2;
  }
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  llama_model_params model_params = llama_model_default_params();
  model_params.n_gpu_layers = 0;
  llama_model* model = llama_model_load_from_file(argv[1], model_params);
  if (model == nullptr) return 1;
  llama_context_params params = llama_context_default_params();
  params.n_threads = params.n_threads_batch = std::atoi(argv[2]);
  params.n_ctx = static_cast<uint32_t>(std::atoi(argv[3]));
  params.no_perf = true;
  llama_context* context = llama_init_from_model(model, params);
  if (context == nullptr) return 1;
  ggml_threadpool_params pool_params = ggml_threadpool_params_default(params.n_threads);
  ggml_threadpool* pool = ggml_threadpool_new(&pool_params);
  llama_attach_threadpool(context, pool, pool);
  const int32_t n_vocab = llama_vocab_n_tokens(llama_model_get_vocab(model));
  std::string line;
  int status = 0;
  while (status == 0 && std::getline(std::cin, line)) {
    std::istringstream words(line);
    int32_t n_tokens = 0;
    words >> n_tokens;
    std::vector<llama_token> prompt;
    for (llama_token token = 0; words >> token;) prompt.push_back(token);
    if (prompt.empty() || !run(context, std::move(prompt), n_tokens, n_vocab)) status = 1;
  }
  llama_detach_threadpool(context);
  llama_free(context);
  ggml_threadpool_free(pool);
  llama_model_free(model);
  return status;
}
