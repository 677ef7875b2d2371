// Sparse attention against dense attention over a cache that holds nothing but the chosen cells.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "core/context.h"
#include "sparse/sparse_graph.h"
#include "test/check.h"

namespace outrider {

namespace {

constexpr int32_t kPrompt = 603;
constexpr int32_t kBatch = 8;
const char* const kArchitectures[] = {"llama", "qwen3", "qwen3moe", "gemma3"};

enum class Kernel { kExact, kFast };

// The same cases on a GPU, whose matrix products round to 10 bits of mantissa.
bool is_on_gpu() { return std::getenv("OUTRIDER_TEST_GPU") != nullptr; }

bool is_within(double error, double tolerance, const std::string& name) {
  if (error > tolerance) std::fprintf(stderr, "%s: %g\n", name.c_str(), error);
  return error <= (is_on_gpu() ? std::max(tolerance, 5e-3) : tolerance);
}

std::shared_ptr<Context> make_context(const std::string& architecture, Kernel kernel, ggml_type type = GGML_TYPE_COUNT,
                                      bool uses_gpu = is_on_gpu()) {
  std::shared_ptr<Model> model;
  const std::string path = std::string(std::getenv("OUTRIDER_TEST_MODEL")) + "." + architecture;
  ModelOptions model_options;
  model_options.n_gpu_layers = uses_gpu ? -1 : 0;
  CHECK(Model::load(
            path, model_options, [](float) { return true; }, model)
            .ok());
  const bool is_exact = kernel == Kernel::kExact;
  ContextOptions options;
  options.n_ctx = 1024;
  options.n_batch = 1024;
  options.n_ubatch = 1024;
  options.n_scratch = 15;
  options.type_k = options.type_v = is_exact ? GGML_TYPE_F32 : GGML_TYPE_F16;
  if (type != GGML_TYPE_COUNT) options.type_k = options.type_v = type;
  options.flash_attention = is_exact ? LLAMA_FLASH_ATTN_TYPE_DISABLED : LLAMA_FLASH_ATTN_TYPE_ENABLED;
  std::shared_ptr<Context> context;
  CHECK(Context::create(model, std::make_shared<ComputePool>(1), options, context).ok());
  return context;
}

int32_t token_at(int32_t position) { return 270 + (position * 7 + position / 11) % 50; }

std::vector<int32_t> tokens_from(int32_t start, int32_t n) {
  std::vector<int32_t> tokens;
  for (int32_t i = 0; i < n; i++) tokens.push_back(token_at(start + i));
  return tokens;
}

Rows decode(Context& context, int32_t n_past, const std::vector<int32_t>& tokens, const SparsePlan& plan,
            const std::vector<int32_t>& parents = {}) {
  DecodeRequest request;
  request.n_past = n_past;
  request.tokens = tokens;
  request.parents = parents;
  request.sparse = plan;
  if (n_past > 0) {
    for (size_t i = 0; i < tokens.size(); i++) request.outputs.push_back(static_cast<int32_t>(i));
  }
  request.sampler = std::make_shared<SamplerChain>(SamplerParams{});
  Rows rows;
  Timings timings;
  const Status status = context.decode(request, context.epoch(), rows, timings);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.message.c_str());
  CHECK(status.ok());
  return rows;
}

// Largest difference of probabilities, row by row.
std::vector<double> distances(const Rows& one, const Rows& other) {
  std::vector<double> all;
  CHECK(one.offsets == other.offsets && one.n_rows() > 0);
  if (one.offsets != other.offsets) return {1};
  for (size_t row = 0; row < one.n_rows(); row++) {
    double largest = 0;
    for (size_t i = 0; i < one.row_size(row); i++) {
      largest = std::max(largest, std::fabs(one.row_probs(row)[i] - other.row_probs(row)[i]));
    }
    all.push_back(largest);
  }
  return all;
}

// Without flash attention all rows agree. It adds values up in half precision, where an expert that is nearly as good
// as another can be swapped for it: two tokens of a batch may.
bool is_close(const Rows& one, const Rows& other, Kernel kernel, const std::string& name, double tolerance) {
  std::vector<double> all = distances(one, other);
  std::sort(all.begin(), all.end());
  const double error = kernel == Kernel::kExact ? all.back() : all[all.size() - 3];
  return is_within(error, tolerance, name);
}

SparsePlan plan_of(int32_t n_attended, std::vector<int32_t> anchors) {
  SparsePlan plan;
  plan.n_attended = n_attended;
  plan.block_size = 16;
  plan.n_local = 64;
  plan.anchors = std::move(anchors);
  plan.keeps_choice = true;
  return plan;
}

// The first layer whose window does not slide.
int32_t first_layer(const std::string& architecture) { return architecture == "gemma3" ? 1 : 0; }

void compare_with_removed_cells(const std::string& architecture, Kernel kernel, ggml_type type) {
  const auto context = make_context(architecture, kernel, type);
  decode(*context, 0, tokens_from(0, kPrompt), {});
  const SparsePlan plan = plan_of(256, {first_layer(architecture)});
  const Rows sparse = decode(*context, kPrompt, tokens_from(kPrompt, kBatch), plan);
  const auto choices = context->sparse()->choices();
  CHECK(choices.size() == 1);
  if (choices.empty()) return;
  const std::vector<int32_t> kept = choices.begin()->second.blocks;
  CHECK(kept.size() == 16);
  CHECK(std::is_sorted(kept.begin(), kept.end()));
  CHECK(std::adjacent_find(kept.begin(), kept.end()) == kept.end());
  // The first tokens, the last ones and the batch are always read.
  CHECK(kept.front() == 0);
  for (int32_t position = kPrompt - 64; position < kPrompt + kBatch; position++) {
    CHECK(std::binary_search(kept.begin(), kept.end(), position / plan.block_size));
  }

  const auto reference = make_context(architecture, kernel, type);
  decode(*reference, 0, tokens_from(0, kPrompt), {});
  const Rows dense = decode(*reference, kPrompt, tokens_from(kPrompt, kBatch), {});
  CHECK(reference->truncate(0, kPrompt).ok());
  for (int32_t block = 0; block * plan.block_size < kPrompt; block++) {
    if (std::binary_search(kept.begin(), kept.end(), block)) continue;
    llama_memory_seq_rm(llama_get_memory(reference->get()), 0, block * plan.block_size, (block + 1) * plan.block_size);
  }
  const Rows removed = decode(*reference, kPrompt, tokens_from(kPrompt, kBatch), {});
  CHECK(is_close(sparse, removed, kernel, architecture, kernel == Kernel::kExact ? 1e-4 : 2e-3));
  CHECK(distances(sparse, dense).back() > 0.01);
}

TEST("a batch reads the chosen cells and no others: without flash attention") {
  for (const char* architecture : kArchitectures) {
    compare_with_removed_cells(architecture, Kernel::kExact, GGML_TYPE_F32);
  }
}

TEST("a batch reads the chosen cells and no others: gathered for flash attention") {
  for (const char* architecture : kArchitectures) {
    compare_with_removed_cells(architecture, Kernel::kFast, GGML_TYPE_F16);
  }
  compare_with_removed_cells("llama", Kernel::kFast, GGML_TYPE_F32);
  compare_with_removed_cells("llama", Kernel::kFast, GGML_TYPE_Q8_0);
}

TEST("layers that choose for themselves: gathering and hiding read the same") {
  int32_t n_equal = 0;
  for (const char* architecture : kArchitectures) {
    const auto fast = make_context(architecture, Kernel::kFast);
    const auto exact = make_context(architecture, Kernel::kExact, GGML_TYPE_F16);
    const SparsePlan plan = plan_of(256, {});
    for (const auto& context : {fast, exact}) decode(*context, 0, tokens_from(0, kPrompt), {});
    const Rows gathered = decode(*fast, kPrompt, tokens_from(kPrompt, kBatch), plan);
    const Rows hidden = decode(*exact, kPrompt, tokens_from(kPrompt, kBatch), plan);
    const auto ours = fast->sparse()->choices();
    const auto theirs = exact->sparse()->choices();
    CHECK(ours.size() == (std::string(architecture) == "gemma3" ? 2U : 4U));
    CHECK(ours.size() == theirs.size());
    bool is_equal = true;
    for (const auto& [layer, choice] : ours) {
      const std::vector<int32_t>& other = theirs.at(layer).blocks;
      std::vector<int32_t> common;
      std::set_intersection(choice.blocks.begin(), choice.blocks.end(), other.begin(), other.end(),
                            std::back_inserter(common));
      CHECK(common.size() >= 14);  // near ties
      is_equal = is_equal && common.size() == other.size();
    }
    n_equal += is_equal ? 1 : 0;
    // The kernels differ in precision, layer after layer.
    if (is_equal) CHECK(is_close(gathered, hidden, Kernel::kFast, architecture, 5e-3));
  }
  CHECK(n_equal >= 2);
}

TEST("a budget of the whole context gives the very bits of a dense batch") {
  for (const char* architecture : kArchitectures) {
    for (const Kernel kernel : {Kernel::kExact, Kernel::kFast}) {
      const auto context = make_context(architecture, kernel);
      decode(*context, 0, tokens_from(0, kPrompt), {});
      const Rows dense = decode(*context, kPrompt, tokens_from(kPrompt, kBatch), {});
      const Rows sparse = decode(*context, kPrompt, tokens_from(kPrompt, kBatch), plan_of(1024, {}));
      CHECK(dense.probs == sparse.probs);
    }
  }
}

TEST("scores come from the mean keys of what the cells hold now, whatever happened to them") {
  const auto context = make_context("llama", Kernel::kExact);
  const SparsePlan plan = plan_of(256, {0});
  decode(*context, 0, tokens_from(0, kPrompt), {});
  int32_t length = kPrompt;
  for (int32_t round = 0; round < 20; round++) {
    std::vector<int32_t> tokens = tokens_from(length, kBatch);
    const int32_t n_right = 1 + round % kBatch;
    for (int32_t i = n_right; i < kBatch; i++) tokens[static_cast<size_t>(i)] = 271 + (round + i) % 40;
    decode(*context, length, tokens, round % 3 == 2 ? SparsePlan{} : plan);
    CHECK(context->commit(0, n_right - 1).ok());
    length += n_right;
  }
  // Going far back and forth again, without a plan.
  CHECK(context->truncate(0, 300).ok());
  decode(*context, 300, tokens_from(301, length - 300), {});
  CHECK(context->truncate(0, 300).ok());
  decode(*context, 300, tokens_from(300, length - 300), {});
  decode(*context, length, tokens_from(length, kBatch), plan);
  const auto fresh = make_context("llama", Kernel::kExact);
  decode(*fresh, 0, tokens_from(0, length), {});
  decode(*fresh, length, tokens_from(length, kBatch), plan);
  const BlockChoice ours = context->sparse()->choices().at(0);
  const BlockChoice theirs = fresh->sparse()->choices().at(0);
  CHECK(ours.scores.size() == theirs.scores.size());
  double largest = 0;
  for (size_t i = 0; i < ours.scores.size(); i++) {
    largest = std::max<double>(largest, std::fabs(ours.scores[i] - theirs.scores[i]));
  }
  CHECK(is_within(largest, 1e-5, "scores"));
  CHECK(is_on_gpu() || ours.blocks == theirs.blocks);
}

// Keys of the first layer, [n_cells, n_embd], from a saved state.
std::vector<float> first_keys(Context& context, size_t n_cells) {
  std::vector<uint8_t> bytes;
  CHECK(context.save_state(0, bytes).ok());
  // magic, sequence, streams, cells; a cell: position, count, sequence; values transposed, layers, type, bytes of a row
  const size_t start = 4 * 4 + n_cells * 3 * 4 + 4 * 3;
  uint64_t n_bytes = 0;
  std::memcpy(&n_bytes, bytes.data() + start, sizeof(n_bytes));
  CHECK(n_bytes == 2 * 64 * sizeof(float));
  std::vector<float> keys(n_cells * 2 * 64);
  CHECK(bytes.size() > start + sizeof(n_bytes) + keys.size() * sizeof(float));
  std::memcpy(keys.data(), bytes.data() + start + sizeof(n_bytes), keys.size() * sizeof(float));
  return keys;
}

TEST("scores are the attention that the mean keys predict, and the best blocks are taken") {
  constexpr size_t kCells = kPrompt + kBatch;
  constexpr size_t kHead = 64;
  constexpr size_t kBlock = 16;
  const auto context = make_context("llama", Kernel::kExact);
  decode(*context, 0, tokens_from(0, kPrompt), {});
  decode(*context, kPrompt, tokens_from(kPrompt, kBatch), plan_of(256, {0}));
  const BlockChoice choice = context->sparse()->choices().at(0);
  const std::vector<float> keys = first_keys(*context, kCells);
  const size_t n_blocks = (kCells + kBlock - 1) / kBlock;
  std::vector<double> scores(n_blocks);
  double mean_error = 0;
  double score_error = 0;
  for (size_t head = 0; head < 4; head++) {
    std::vector<double> weights;
    for (size_t block = 0; block < n_blocks; block++) {
      const size_t end = std::min(kCells, (block + 1) * kBlock);
      double product = 0;
      for (size_t i = 0; i < kHead; i++) {
        double mean = 0;
        for (size_t cell = block * kBlock; cell < end; cell++) mean += keys[(cell * 2 + head / 2) * kHead + i];
        mean /= static_cast<double>(end - block * kBlock);
        mean_error = std::max(mean_error, std::fabs(choice.means[(block * 2 + head / 2) * kHead + i] - mean));
        product += mean * choice.query[head * kHead + i];
      }
      // Blocks that the batch lies in are read in any case, and are not compared.
      weights.push_back(end > kPrompt ? 0.0 : std::exp(product / 8));
    }
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    // Each block counts with the one before it.
    for (size_t block = 0; block < n_blocks; block++) {
      scores[block] += (weights[block] + (block == 0 ? 0 : weights[block - 1])) / sum;
    }
  }
  double worst_kept = 4;
  double best_left = 0;
  for (size_t block = 0; block < n_blocks; block++) {
    score_error = std::max(score_error, std::fabs(scores[block] - choice.scores[block]));
    const bool is_forced = block == 0 || (block + 1) * kBlock > kPrompt - 64;
    if (is_forced) continue;
    const bool is_kept = std::binary_search(choice.blocks.begin(), choice.blocks.end(), static_cast<int32_t>(block));
    if (is_kept) worst_kept = std::min(worst_kept, scores[block]);
    if (!is_kept) best_left = std::max(best_left, scores[block]);
  }
  CHECK(is_within(mean_error, 1e-5, "mean keys"));
  CHECK(is_within(score_error, 1e-5, "scores"));
  CHECK(worst_kept < 4 && is_within(best_left - worst_kept, 1e-6, "the worst block kept"));
}

TEST("a tree's own cells are read wherever they lie") {
  constexpr int32_t kStart = 600;  // the tree fills no more blocks than its paths do
  const std::vector<int32_t> parents{-1, 0, 0, 1, 2, 2};
  const auto context = make_context("llama", Kernel::kExact);
  decode(*context, 0, tokens_from(0, kStart), {});
  const SparsePlan plan = plan_of(256, {0});
  const Rows tree = decode(*context, kStart, {280, 281, 282, 283, 284, 285}, plan, parents);
  const std::vector<std::vector<int32_t>> paths{{280},           {280, 281},      {280, 282},
                                                {280, 281, 283}, {280, 282, 284}, {280, 282, 285}};
  CHECK(context->truncate(0, kStart).ok());
  for (size_t node = 0; node < paths.size(); node++) {
    const Rows path = decode(*context, kStart, paths[node], plan);
    const size_t last = path.n_rows() - 1;
    double largest = 0;
    CHECK(path.row_size(last) == tree.row_size(node));
    for (size_t i = 0; i < path.row_size(last); i++) {
      largest = std::max(largest, std::fabs(path.row_probs(last)[i] - tree.row_probs(node)[i]));
    }
    CHECK(is_within(largest, 1e-4, "a path of the tree"));
  }
}

TEST("the places of skipped experts are left empty or filled, and nothing else changes") {
  // Places can be left empty on the CPU alone.
  const auto emptying = make_context("qwen3moe", Kernel::kExact, GGML_TYPE_F32, false);
  const auto filling = make_context("qwen3moe", Kernel::kExact);
  const auto rows_of = [&](Context& context, int32_t n_skipped, const std::vector<float>& shares) {
    SparsePlan plan;
    plan.n_skipped = n_skipped;
    plan.skip_shares = shares;
    plan.fills_places = &context == filling.get();
    const Rows rows = decode(context, 8, tokens_from(8, kBatch), plan);
    CHECK(context.truncate(0, 8).ok());
    return rows;
  };
  for (const auto& context : {emptying, filling}) decode(*context, 0, tokens_from(0, 8), {});
  const Rows dense = rows_of(*emptying, 0, {});
  const std::vector<float> some(4, 0.3F);
  for (const std::vector<float>& shares : {std::vector<float>{}, some}) {
    const Rows empty = rows_of(*emptying, 1, shares);
    CHECK(is_close(empty, rows_of(*filling, 1, shares), is_on_gpu() ? Kernel::kFast : Kernel::kExact, "filled places",
                   1e-5));
    CHECK(distances(empty, dense).back() > 1e-3);
  }
  CHECK(filling->sparse()->n_expert_layers_seen() == 4);
}

TEST("plans that make no sense are refused, and the context goes on") {
  const auto context = make_context("llama", Kernel::kExact);
  decode(*context, 0, tokens_from(0, kPrompt), {});
  const auto is_refused = [&](const SparsePlan& plan) {
    DecodeRequest request;
    request.n_past = kPrompt;
    request.tokens = tokens_from(kPrompt, kBatch);
    request.sparse = plan;
    Rows rows;
    Timings timings;
    return context->decode(request, context->epoch(), rows, timings).code == StatusCode::kInvalidArgument;
  };
  CHECK(is_refused(plan_of(-1, {})));
  CHECK(is_refused(plan_of(256, {0, 4})));
  CHECK(is_refused(plan_of(256, {-1})));
  CHECK(is_refused(plan_of(256, {2, 1})));
  SparsePlan plan = plan_of(256, {});
  plan.block_size = 24;
  CHECK(is_refused(plan));
  plan = plan_of(256, {});
  plan.n_local = -1;
  CHECK(is_refused(plan));
  CHECK(!is_refused(plan_of(256, {0, 3})));
}

}  // namespace

}  // namespace outrider
