#include "sparse/expert_graph.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "ggml-backend.h"

namespace outrider {

ggml_tensor* ExpertGraph::input(ggml_context* ctx, int64_t ne0, int64_t ne1, std::vector<float> values) {
  ggml_tensor* tensor = ggml_new_tensor_2d(ctx, GGML_TYPE_F32, ne0, ne1);
  ggml_set_input(tensor);
  inputs_.push_back({tensor, std::move(values)});
  return tensor;
}

void ExpertGraph::set_inputs() const {
  for (const Input& input : inputs_) {
    ggml_backend_tensor_set(input.tensor, input.values.data(), 0, ggml_nbytes(input.tensor));
  }
}

void ExpertGraph::build(llama_sparse_experts& layer, const SparsePlan& plan) {
  ggml_context* ctx = layer.ctx;
  const int64_t n_used = layer.selected->ne[0];
  const int64_t n_tokens = layer.selected->ne[1];
  const int64_t n_skipped = std::min<int64_t>(plan.n_skipped, n_used - 1);
  // They stand at any place but the first, and filling the second takes so many experts. With fewer none is dropped.
  const bool drops_lone = plan.lone_share > 0 && !(plan.fills_places && layer.n_experts < 2 * n_used - 2);
  if (n_used < 2 || (n_skipped < 1 && !drops_lone)) return;
  // Heaviest first; the order of selection may be another one.
  ggml_tensor* weights = ggml_reshape_2d(ctx, layer.weights, n_used, n_tokens);
  ggml_tensor* order = ggml_argsort(ctx, weights, GGML_SORT_ORDER_DESC);
  weights = ggml_get_rows(ctx, ggml_reshape_3d(ctx, weights, 1, n_used, n_tokens), order);
  weights = ggml_reshape_2d(ctx, weights, n_used, n_tokens);
  ggml_tensor* experts = ggml_cast(ctx, ggml_cont(ctx, layer.selected), GGML_TYPE_F32);
  experts = ggml_get_rows(ctx, ggml_reshape_3d(ctx, experts, 1, n_used, n_tokens), order);
  experts = ggml_reshape_2d(ctx, experts, n_used, n_tokens);

  ggml_tensor* shares = ggml_div(ctx, weights, ggml_sum_rows(ctx, weights));
  ggml_tensor* skipped = n_skipped > 0 ? lightest(layer, plan, shares, n_skipped) : nullptr;
  if (drops_lone) {
    ggml_tensor* dropped = lone(ctx, experts, shares, plan.lone_share);
    skipped = skipped == nullptr ? dropped : ggml_step(ctx, ggml_add(ctx, skipped, dropped));
  }
  ggml_tensor* kept = ggml_scale_bias(ctx, skipped, -1.0F, 1.0F);

  weights = ggml_mul(ctx, weights, kept);
  if (layer.normalises) weights = ggml_div(ctx, weights, ggml_sum_rows(ctx, weights));
  ggml_tensor* filling = plan.fills_places ? others(ctx, experts, kept, layer.n_experts) : nullptr;
  experts = ggml_mul(ctx, experts, kept);
  experts = filling == nullptr ? ggml_sub(ctx, experts, skipped)
                               : ggml_add(ctx, experts, ggml_mul(ctx, skipped, filling));
  layer.weights = ggml_reshape_3d(ctx, weights, 1, n_used, n_tokens);
  layer.selected = ggml_cast(ctx, experts, GGML_TYPE_I32);
}

// [n_used, n_tokens]: 1 for the lightest experts of a token, as many as their share of its weights allows.
ggml_tensor* ExpertGraph::lightest(const llama_sparse_experts& layer, const SparsePlan& plan, ggml_tensor* shares,
                                   int64_t n_skipped) {
  ggml_context* ctx = layer.ctx;
  const int64_t n_used = shares->ne[0];
  // Share of the m lightest weights, m = 1 .. n_skipped, against its limit.
  std::vector<float> last(static_cast<size_t>(n_used * n_skipped));    // [n_skipped, n_used]: 1 for the m last places
  std::vector<float> reached(static_cast<size_t>(n_skipped * n_used));  // [n_used, n_skipped]: 1 where m skips a place
  for (int64_t m = 1; m <= n_skipped; m++) {
    for (int64_t place = 0; place < n_used; place++) {
      const bool is_last = place >= n_used - m;
      last[static_cast<size_t>((m - 1) * n_used + place)] = is_last ? 1.0F : 0.0F;
      reached[static_cast<size_t>(place * n_skipped + m - 1)] = is_last ? 1.0F : 0.0F;
    }
  }
  std::vector<float> limits(static_cast<size_t>(n_skipped), 2.0F);  // above any share
  if (!plan.skip_shares.empty()) {
    const auto row = plan.skip_shares.begin() + static_cast<std::ptrdiff_t>(layer.il) * plan.n_skipped;
    std::copy(row, row + n_skipped, limits.begin());
  } else {
    std::fill(limits.begin(), limits.end() - 1, -1.0F);
  }
  shares = ggml_mul_mat(ctx, input(ctx, n_used, n_skipped, std::move(last)), shares);
  ggml_tensor* passes = ggml_step(ctx, ggml_add(ctx, ggml_neg(ctx, shares), input(ctx, n_skipped, 1, std::move(limits))));
  return ggml_step(ctx, ggml_mul_mat(ctx, input(ctx, n_skipped, n_used, std::move(reached)), passes));
}

// [n_used, n_tokens]: for each place an expert that its token does not keep, and each another one, since kernels on a GPU
// look for one place an expert; from the last place on first those that other tokens of the batch have computed anyway.
ggml_tensor* ExpertGraph::others(ggml_context* ctx, ggml_tensor* experts, ggml_tensor* kept, int64_t n_experts) {
  const int64_t n_used = experts->ne[0];
  const int64_t n_tokens = experts->ne[1];
  const int64_t n = n_used * n_tokens;
  std::vector<float> numbers(static_cast<size_t>(n_experts));
  std::iota(numbers.begin(), numbers.end(), 0.0F);
  ggml_tensor* distance = ggml_repeat_4d(ctx, ggml_reshape_2d(ctx, experts, 1, n), n_experts, n, 1, 1);
  distance = ggml_abs(ctx, ggml_sub(ctx, distance, input(ctx, n_experts, 1, std::move(numbers))));
  ggml_tensor* is_kept = ggml_step(ctx, ggml_scale_bias(ctx, distance, -1.0F, 0.5F));
  is_kept = ggml_reshape_3d(ctx, ggml_mul(ctx, is_kept, ggml_reshape_2d(ctx, kept, 1, n)), n_experts, n_used, n_tokens);
  is_kept = ggml_sum_rows(ctx, ggml_cont(ctx, ggml_permute(ctx, is_kept, 1, 0, 2, 3)));
  is_kept = ggml_reshape_2d(ctx, is_kept, n_experts, n_tokens);
  ggml_tensor* is_computed = ggml_sum_rows(ctx, ggml_cont(ctx, ggml_transpose(ctx, is_kept)));
  is_computed = ggml_step(ctx, ggml_reshape_2d(ctx, is_computed, n_experts, 1));
  ggml_tensor* worth = ggml_add(ctx, ggml_scale(ctx, is_kept, -2.0F), is_computed);
  ggml_tensor* best = ggml_argsort(ctx, worth, GGML_SORT_ORDER_ASC);
  best = ggml_view_2d(ctx, best, n_used, n_tokens, best->nb[1], best->nb[0] * static_cast<size_t>(n_experts - n_used));
  return ggml_cast(ctx, ggml_cont(ctx, best), GGML_TYPE_F32);
}

// [n_used, n_tokens]: 1 for experts that no other token wants and that have less than `limit` of their token's weights;
// never for a token's first one.
ggml_tensor* ExpertGraph::lone(ggml_context* ctx, ggml_tensor* experts, ggml_tensor* shares, float limit) {
  const int64_t n = ggml_nelements(experts);
  ggml_tensor* wanted = ggml_repeat_4d(ctx, ggml_reshape_2d(ctx, experts, n, 1), n, n, 1, 1);
  ggml_tensor* distance = ggml_abs(ctx, ggml_sub(ctx, wanted, ggml_reshape_2d(ctx, experts, 1, n)));
  ggml_tensor* count = ggml_sum_rows(ctx, ggml_step(ctx, ggml_scale_bias(ctx, distance, -1.0F, 0.5F)));
  ggml_tensor* is_lone = ggml_step(ctx, ggml_scale_bias(ctx, count, -1.0F, 1.5F));
  is_lone = ggml_reshape_2d(ctx, is_lone, experts->ne[0], experts->ne[1]);
  std::vector<float> limits(static_cast<size_t>(experts->ne[0]), limit);
  limits[0] = 0;
  ggml_tensor* below = ggml_add(ctx, ggml_neg(ctx, shares), input(ctx, experts->ne[0], 1, std::move(limits)));
  return ggml_mul(ctx, is_lone, ggml_step(ctx, below));
}

}  // namespace outrider
