#include "sparse/measure_graph.h"

#include <algorithm>

#include "ggml-backend.h"

namespace outrider {

namespace {

ggml_tensor* output(const llama_sparse_ffn& layer, ggml_tensor* tensor) {
  ggml_set_output(tensor);
  ggml_build_forward_expand(layer.gf, tensor);
  return tensor;
}

float number_of(const ggml_tensor* tensor) {
  float value = 0;
  ggml_backend_tensor_get(tensor, &value, 0, sizeof(value));
  return value;
}

constexpr int64_t kLeastBlock = 32;

}  // namespace

int64_t MeasureGraph::block_channels(const ggml_tensor* down) {
  return down == nullptr ? kLeastBlock : std::max<int64_t>(kLeastBlock, ggml_blck_size(down->type));
}

void MeasureGraph::begin() {
  counted_.clear();
  weights_.clear();
}

void MeasureGraph::feed_forward(const llama_sparse_ffn& layer, const std::vector<float>& thresholds) {
  ggml_context* ctx = layer.ctx;
  const int64_t n_block = block_channels(layer.down);
  const int64_t n_channels = layer.gate->ne[0] / n_block * n_block;
  const int64_t n_tokens = layer.gate->ne[1];
  ggml_tensor* gate = ggml_view_2d(ctx, layer.gate, n_channels, n_tokens, layer.gate->nb[1], 0);
  ggml_tensor* sizes = ggml_abs(ctx, ggml_unary(ctx, ggml_cont(ctx, gate), layer.op));
  for (const float threshold : thresholds) {
    ggml_tensor* below = ggml_step(ctx, ggml_scale_bias(ctx, sizes, -1.0F, threshold));
    ggml_tensor* tokens = ggml_sum_rows(ctx, ggml_cont(ctx, ggml_transpose(ctx, below)));  // [1, n_channels]
    ggml_tensor* all = ggml_step(ctx, ggml_scale_bias(ctx, tokens, 1.0F, 0.5F - static_cast<float>(n_tokens)));
    ggml_tensor* blocks = ggml_sum_rows(ctx, ggml_reshape_2d(ctx, all, n_block, n_channels / n_block));
    blocks = ggml_step(ctx, ggml_scale_bias(ctx, blocks, 1.0F, 0.5F - static_cast<float>(n_block)));
    counted_[layer.il].push_back({output(layer, ggml_sum(ctx, below)), output(layer, ggml_sum(ctx, all)),
                                  output(layer, ggml_sum(ctx, blocks)), n_channels, n_block, n_tokens});
  }
}

void MeasureGraph::experts(const llama_sparse_experts& layer) {
  ggml_context* ctx = layer.ctx;
  ggml_tensor* weights = ggml_cont(ctx, ggml_reshape_2d(ctx, layer.weights, layer.weights->ne[1], layer.weights->ne[2]));
  ggml_set_output(weights);
  ggml_build_forward_expand(layer.gf, weights);
  weights_[layer.il] = weights;
}

std::map<int32_t, FeedForwardMeasure> MeasureGraph::feed_forwards() const {
  std::map<int32_t, FeedForwardMeasure> result;
  for (const auto& [layer, thresholds] : counted_) {
    FeedForwardMeasure& measure = result[layer];
    for (const Counted& counted : thresholds) {
      const auto n_channels = static_cast<float>(counted.n_channels);
      measure.per_token.push_back(number_of(counted.per_token) / n_channels / static_cast<float>(counted.n_tokens));
      measure.per_batch.push_back(number_of(counted.per_batch) / n_channels);
      measure.per_blocks.push_back(number_of(counted.per_blocks) * static_cast<float>(counted.n_block) / n_channels);
    }
  }
  return result;
}

std::map<int32_t, ExpertMeasure> MeasureGraph::expert_shares() const {
  std::map<int32_t, ExpertMeasure> result;
  for (const auto& [layer, tensor] : weights_) {
    const auto n_used = static_cast<size_t>(tensor->ne[0]);
    std::vector<float> weights(static_cast<size_t>(ggml_nelements(tensor)));
    ggml_backend_tensor_get(tensor, weights.data(), 0, ggml_nbytes(tensor));
    ExpertMeasure& measure = result[layer];
    measure.n_used = static_cast<int32_t>(n_used);
    for (auto token = weights.begin(); token != weights.end(); token += static_cast<std::ptrdiff_t>(n_used)) {
      const auto end = token + static_cast<std::ptrdiff_t>(n_used);
      std::sort(token, end);
      float total = 0;
      for (auto weight = token; weight != end; weight++) total += *weight;
      float sum = 0;
      for (auto weight = token; weight + 1 != end; weight++) {
        sum += *weight;
        measure.shares.push_back(sum / total);
      }
    }
  }
  return result;
}

}  // namespace outrider
