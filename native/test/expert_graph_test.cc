// The experts that stand in the places of skipped ones.
#include "sparse/expert_graph.h"

#include <algorithm>
#include <set>
#include <vector>

#include "ggml-alloc.h"
#include "ggml-backend.h"
#include "ggml-cpp.h"
#include "test/check.h"

namespace outrider {

namespace {

constexpr int64_t kUsed = 3;

struct Selection {
  std::vector<int32_t> experts;  // [n_tokens, kUsed]
  std::vector<float> weights;    // likewise
};

// What the tokens of a batch use under the plan.
Selection thinned(const Selection& before, int64_t n_experts, const SparsePlan& plan) {
  const auto n_tokens = static_cast<int64_t>(before.experts.size()) / kUsed;
  const ggml_context_ptr ctx(ggml_init({ggml_tensor_overhead() * 256 + ggml_graph_overhead(), nullptr, true}));
  ggml_cgraph* graph = ggml_new_graph(ctx.get());
  ggml_tensor* selected = ggml_new_tensor_2d(ctx.get(), GGML_TYPE_I32, kUsed, n_tokens);
  ggml_tensor* weights = ggml_new_tensor_3d(ctx.get(), GGML_TYPE_F32, 1, kUsed, n_tokens);
  for (ggml_tensor* tensor : {selected, weights}) ggml_set_input(tensor);
  llama_sparse_experts layer{ctx.get(), graph, selected, weights, true, n_experts, 0};
  ExpertGraph experts;
  experts.begin();
  experts.build(layer, plan);
  for (ggml_tensor* tensor : {layer.selected, layer.weights}) {
    ggml_set_output(tensor);
    ggml_build_forward_expand(graph, tensor);
  }
  const ggml_backend_ptr backend(ggml_backend_init_by_type(GGML_BACKEND_DEVICE_TYPE_CPU, nullptr));
  const ggml_gallocr_ptr memory(ggml_gallocr_new(ggml_backend_get_default_buffer_type(backend.get())));
  CHECK(ggml_gallocr_alloc_graph(memory.get(), graph));
  ggml_backend_tensor_set(selected, before.experts.data(), 0, ggml_nbytes(selected));
  ggml_backend_tensor_set(weights, before.weights.data(), 0, ggml_nbytes(weights));
  experts.set_inputs();
  CHECK(ggml_backend_graph_compute(backend.get(), graph) == GGML_STATUS_SUCCESS);
  Selection after{std::vector<int32_t>(before.experts.size()), std::vector<float>(before.weights.size())};
  ggml_backend_tensor_get(layer.selected, after.experts.data(), 0, after.experts.size() * sizeof(int32_t));
  ggml_backend_tensor_get(layer.weights, after.weights.data(), 0, after.weights.size() * sizeof(float));
  return after;
}

SparsePlan filling_plan(int32_t n_skipped, float lone_share) {
  SparsePlan plan;
  plan.n_skipped = n_skipped;
  plan.lone_share = lone_share;
  plan.fills_places = true;
  return plan;
}

// Experts of a token whose weights are more than 0.
std::set<int32_t> kept(const Selection& selection, size_t token) {
  std::set<int32_t> experts;
  for (size_t place = token * kUsed; place < (token + 1) * kUsed; place++) {
    if (selection.weights[place] > 0) experts.insert(selection.experts[place]);
  }
  return experts;
}

// Of n_experts, each once.
bool are_different(const Selection& selection, size_t token, int64_t n_experts) {
  const auto first = selection.experts.begin() + static_cast<std::ptrdiff_t>(token * kUsed);
  const std::set<int32_t> different(first, first + kUsed);
  return different.size() == kUsed && *different.begin() >= 0 && *different.rbegin() < n_experts;
}

}  // namespace

TEST("no token has an expert twice, however few there are") {
  const Selection before{{0, 1, 2, 1, 2, 0, 2, 1, 0, 2, 0, 1},
                         {.5F, .3F, .2F, .2F, .3F, .5F, .4F, .5F, .1F, .8F, .1F, .1F}};
  for (const int32_t n_skipped : {1, 2}) {
    for (const int64_t n_experts : {3, 4, 5, 32}) {
      const Selection after = thinned(before, n_experts, filling_plan(n_skipped, 0));
      for (size_t token = 0; token < 4; token++) {
        CHECK(are_different(after, token, n_experts));
        CHECK(kept(after, token).size() == static_cast<size_t>(kUsed - n_skipped));
      }
    }
  }
}

TEST("no token has an expert twice where one in the middle is dropped for being alone") {
  const Selection before{{0, 1, 2, 0, 2, 3}, {.6F, .21F, .19F, .6F, .21F, .19F}};
  for (const int64_t n_experts : {4, 5, 32}) {
    const Selection after = thinned(before, n_experts, filling_plan(0, 0.25F));
    for (size_t token = 0; token < 2; token++) {
      CHECK(are_different(after, token, n_experts));
      CHECK(kept(after, token) == std::set<int32_t>({0, 2}));
    }
  }
}

TEST("places are filled with experts that other tokens have computed anyway") {
  const Selection before{{9, 8, 7, 5, 6, 4, 3, 2, 1}, {.5F, .3F, .2F, .5F, .3F, .2F, .5F, .3F, .2F}};
  const Selection after = thinned(before, 32, filling_plan(2, 0));
  const std::set<int32_t> computed(after.experts.begin(), after.experts.end());
  CHECK(computed == std::set<int32_t>({3, 5, 9}));
  const std::vector<std::set<int32_t>> heaviest{{9}, {5}, {3}};
  for (size_t token = 0; token < 3; token++) CHECK(kept(after, token) == heaviest[token]);
}

TEST("experts that one token alone wants, and hardly, are dropped where others can stand in") {
  const Selection before{{9, 8, 7, 9, 8, 4}, {.5F, .4F, .1F, .4F, .35F, .25F}};
  const Selection after = thinned(before, 32, filling_plan(0, 0.2F));
  CHECK(kept(after, 0) == std::set<int32_t>({8, 9}) && kept(after, 1) == std::set<int32_t>({4, 8, 9}));
  CHECK(std::set<int32_t>(after.experts.begin(), after.experts.end()) == std::set<int32_t>({4, 8, 9}));
}

}  // namespace outrider
