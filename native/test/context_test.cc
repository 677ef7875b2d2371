// Decoding on a small real file, named by OUTRIDER_TEST_MODEL.
#include "core/context.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

#include "core/backend.h"
#include "core/gguf_file.h"
#include "core/memory_estimate.h"
#include "sampling/distribution.h"
#include "test/check.h"

namespace outrider {

namespace {

std::string model_path() { return std::getenv("OUTRIDER_TEST_MODEL"); }

std::shared_ptr<Model> load_model() {
  std::shared_ptr<Model> model;
  CHECK(Model::load(
            model_path(), ModelOptions{}, [](float) { return true; }, model)
            .ok());
  return model;
}

ContextOptions exact_options() {
  ContextOptions options;
  options.n_ctx = 128;
  options.n_batch = 64;
  options.n_ubatch = 64;
  options.n_scratch = 7;
  options.type_k = GGML_TYPE_F32;
  options.type_v = GGML_TYPE_F32;
  options.flash_attention = LLAMA_FLASH_ATTN_TYPE_DISABLED;
  return options;
}

std::shared_ptr<Context> make_context(const ContextOptions& options = exact_options()) {
  std::shared_ptr<Context> context;
  const Status status = Context::create(load_model(), std::make_shared<ComputePool>(2), options, context);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.message.c_str());
  CHECK(status.ok());
  return context;
}

std::shared_ptr<SamplerChain> plain_sampler() { return std::make_shared<SamplerChain>(SamplerParams{}); }

// Row of the last of `tokens`, decoded from nothing.
std::vector<double> law_after(Context& context, const std::vector<int32_t>& tokens) {
  DecodeRequest request;
  request.tokens = tokens;
  request.outputs = {static_cast<int32_t>(tokens.size()) - 1};
  request.sampler = plain_sampler();
  Rows rows;
  Timings timings;
  CHECK(context.decode(request, context.epoch(), rows, timings).ok());
  return {rows.probs.begin(), rows.probs.end()};
}

double distance(const std::vector<double>& one, const Rows& rows, size_t row) {
  if (one.size() != rows.row_size(row)) return 1;
  double largest = 0;
  for (size_t i = 0; i < one.size(); i++) largest = std::max(largest, std::fabs(one[i] - rows.row_probs(row)[i]));
  return largest;
}

TEST("every node of a tree has the law that its own path has when it is decoded alone") {
  const auto context = make_context();
  Rows rows;
  Timings timings;
  DecodeRequest prompt;
  prompt.tokens = {1, 40, 41, 42};
  CHECK(context->decode(prompt, context->epoch(), rows, timings).ok());
  DecodeRequest tree;
  tree.n_past = 4;
  tree.tokens = {50, 51, 52, 53, 54, 55};
  tree.parents = {-1, 0, 0, 1, 2, 2};
  tree.outputs = {0, 1, 2, 3, 4, 5};
  tree.sampler = plain_sampler();
  CHECK(context->decode(tree, context->epoch(), rows, timings).ok());
  const std::vector<std::vector<int32_t>> paths{{50}, {50, 51}, {50, 52}, {50, 51, 53}, {50, 52, 54}, {50, 52, 55}};
  const auto alone = make_context();
  for (size_t node = 0; node < paths.size(); node++) {
    std::vector<int32_t> tokens = prompt.tokens;
    tokens.insert(tokens.end(), paths[node].begin(), paths[node].end());
    CHECK(distance(law_after(*alone, tokens), rows, node) < 1e-4);
  }
  // Keeping the path to the last node leaves what decoding that path alone leaves.
  CHECK(context->commit(0, 5).ok());
  CHECK(context->length(0) == 7);
  DecodeRequest next;
  next.n_past = 7;
  next.tokens = {60};
  next.outputs = {0};
  next.sampler = plain_sampler();
  rows.clear();
  CHECK(context->decode(next, context->epoch(), rows, timings).ok());
  CHECK(distance(law_after(*alone, {1, 40, 41, 42, 50, 52, 55, 60}), rows, 0) < 1e-4);
}

TEST("requests that llama.cpp would abort on are refused, and the context goes on") {
  const auto context = make_context();
  const auto code_of = [&](const DecodeRequest& request) {
    Rows rows;
    Timings timings;
    return context->decode(request, context->epoch(), rows, timings).code;
  };
  DecodeRequest request;
  CHECK(code_of(request) == StatusCode::kShape);
  request.tokens = {-1};
  CHECK(code_of(request) == StatusCode::kInvalidArgument);
  request.tokens = {1 << 20};
  CHECK(code_of(request) == StatusCode::kInvalidArgument);
  request.tokens = {40};
  request.sequence = 1;
  CHECK(code_of(request) == StatusCode::kInvalidArgument);
  request.sequence = 0;
  request.n_past = 1;
  CHECK(code_of(request) == StatusCode::kShape);
  request.n_past = 0;
  request.outputs = {1};
  CHECK(code_of(request) == StatusCode::kShape);
  request.outputs = {};
  request.parents = {0};
  CHECK(code_of(request) == StatusCode::kShape);
  request.parents = {};
  request.tokens.assign(65, 40);
  CHECK(code_of(request) == StatusCode::kBatchTooLarge);
  request.tokens.assign(9, 40);
  request.parents.assign(9, -1);
  CHECK(code_of(request) == StatusCode::kShape);  // nine leaves of eight
  request.parents = {};
  request.commit = 3;
  CHECK(code_of(request) == StatusCode::kShape);
  request.commit = kNoCommit;
  for (int32_t n_past = 0; n_past < context->n_ctx(); n_past += 64) {
    request.n_past = n_past;
    request.tokens.assign(64, 40);
    CHECK(code_of(request) == StatusCode::kOk);
  }
  request.n_past = context->n_ctx();
  request.tokens = {40};
  CHECK(code_of(request) == StatusCode::kContextFull);
  CHECK(law_after(*context, {1, 40, 41}) == law_after(*make_context(), {1, 40, 41}));
}

TEST("claimed cells make a sequence as long as a text, and are gone when it is cut back") {
  const auto context = make_context();
  CHECK(context->claim(0, 100).ok());
  CHECK(context->length(0) == 100);
  DecodeRequest request;
  request.n_past = 100;
  request.tokens = {40};
  request.outputs = {0};
  request.sampler = plain_sampler();
  Rows rows;
  Timings timings;
  CHECK(context->decode(request, context->epoch(), rows, timings).ok());
  CHECK(context->claim(0, INT32_MAX).code == StatusCode::kContextFull);
  CHECK(context->length(0) == 101);
  CHECK(context->claim(0, 50).ok());
  CHECK(context->length(0) == 50);
  CHECK(context->claim(0, context->n_ctx()).ok());
  request.n_past = context->n_ctx();
  CHECK(context->decode(request, context->epoch(), rows, timings).code == StatusCode::kContextFull);
  CHECK(context->truncate(0, 0).ok());
  CHECK(law_after(*context, {1, 40, 41}) == law_after(*make_context(), {1, 40, 41}));
}

TEST("an abort of an earlier epoch leaves the sequence as it was") {
  const auto context = make_context();
  const auto before = law_after(*context, {1, 40, 41});
  const uint64_t epoch = context->epoch();
  context->abort();
  DecodeRequest request;
  request.n_past = 3;
  request.tokens = {42};
  Rows rows;
  Timings timings;
  CHECK(context->decode(request, epoch, rows, timings).code == StatusCode::kAborted);
  CHECK(context->length(0) == 3);
  CHECK(context->decode(request, context->epoch(), rows, timings).ok());
  CHECK(context->length(0) == 4);
  CHECK(law_after(*context, {1, 40, 41}) == before);
}

TEST("a drafted chain is what decoding one token at a time draws") {
  const auto context = make_context();
  DraftRequest request;
  request.prefix.tokens = {1, 40, 41};
  request.prefix.sampler = plain_sampler();
  request.n_draft = 5;
  request.uniforms = {0.1, 0.9, 0.5, 0.3, 0.7};
  std::vector<int32_t> tokens;
  Rows rows;
  Timings timings;
  CHECK(context->draft(request, context->epoch(), tokens, rows, timings).ok());
  CHECK(tokens.size() == 5 && rows.n_rows() == 5);
  const auto alone = make_context();
  std::vector<int32_t> history = request.prefix.tokens;
  for (size_t i = 0; i < tokens.size(); i++) {
    CHECK(distance(law_after(*alone, history), rows, i) < 1e-4);
    CHECK(tokens[i] ==
          sample_categorical(DistView{rows.row_ids(i), rows.row_probs(i), rows.row_size(i)}, request.uniforms[i]));
    history.push_back(tokens[i]);
  }
}

TEST("a confidence that no row reaches stops before the first draw") {
  const auto context = make_context();
  DraftRequest request;
  request.prefix.tokens = {1, 40, 41};
  request.prefix.sampler = plain_sampler();
  request.n_draft = 5;
  request.min_probability = 1.1;
  std::vector<int32_t> tokens;
  Rows rows;
  Timings timings;
  CHECK(context->draft(request, context->epoch(), tokens, rows, timings).ok());
  CHECK(tokens.empty() && rows.n_rows() == 0);
}

TEST("a saved state goes on like the one it was saved from; damaged bytes are refused") {
  const auto context = make_context();
  law_after(*context, {1, 40, 41});
  std::vector<uint8_t> bytes;
  CHECK(context->save_state(0, bytes).ok());
  const auto other = make_context();
  CHECK(other->load_state(0, Span<const uint8_t>(bytes), 3).ok());
  DecodeRequest next;
  next.n_past = 3;
  next.tokens = {60};
  next.outputs = {0};
  next.sampler = plain_sampler();
  Rows rows;
  Timings timings;
  CHECK(other->decode(next, other->epoch(), rows, timings).ok());
  CHECK(distance(law_after(*context, {1, 40, 41, 60}), rows, 0) < 1e-4);
  bytes.resize(bytes.size() / 2);
  CHECK(other->load_state(0, Span<const uint8_t>(bytes), 3).code == StatusCode::kStateFile);
  CHECK(other->length(0) == 0);
  CHECK(law_after(*other, {1, 40}) == law_after(*context, {1, 40}));
}

TEST("a file cut at any of many places is refused") {
  std::ifstream file(model_path(), std::ios::binary);
  const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const std::string cut = model_path() + ".cut";
  for (int i = 0; i < 40; i++) {
    const size_t n = i < 20 ? static_cast<size_t>(i) * 7 : bytes.size() * static_cast<size_t>(i - 20) / 20;
    std::ofstream(cut, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(n));
    std::shared_ptr<Model> model;
    CHECK(Model::load(
              cut, ModelOptions{}, [](float) { return true; }, model)
              .code == StatusCode::kModelInvalid);
    CHECK(model == nullptr);
  }
  std::remove(cut.c_str());
}

TEST("a load that is stopped says so") {
  std::shared_ptr<Model> model;
  CHECK(Model::load(
            model_path(), ModelOptions{}, [](float) { return false; }, model)
            .code == StatusCode::kAborted);
  CHECK(model == nullptr);
}

TEST("tokens of a text give the text back") {
  const auto model = load_model();
  const std::vector<int32_t> tokens = model->tokenize("abc \xc3\xa9", true, false);
  CHECK(!tokens.empty());
  CHECK(model->detokenize(Span<const int32_t>(tokens), true, false).find("abc \xc3\xa9") != std::string::npos);
}

TEST("the estimate names the weights' bytes without loading them") {
  std::vector<DeviceMemory> devices;
  int32_t n_layers = 0;
  CHECK(estimate_memory(model_path(), ModelOptions{}, exact_options(), devices, n_layers).ok());
  CHECK(devices.size() == 1 && devices[0].model_bytes > 100000 && devices[0].context_bytes > 0);
  CHECK(n_layers > 0);
}

}  // namespace

}  // namespace outrider
