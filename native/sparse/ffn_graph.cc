#include "sparse/ffn_graph.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "ggml-backend.h"
#include "ggml-cpu.h"
#include "sparse/measure_graph.h"

namespace outrider {

namespace {

float activation(ggml_unary_op op, float x) {
  switch (op) {
    case GGML_UNARY_OP_SILU:
      return x / (1 + std::exp(-x));
    case GGML_UNARY_OP_GELU: {
      // ggml looks it up by half-precision numbers.
      const auto half = [](float value) { return ggml_fp16_to_fp32(ggml_fp32_to_fp16(value)); };
      const float y = half(x);
      return half(0.5F * y * (1 + std::tanh(0.79788456080286535587989211986876F * y * (1 + 0.044715F * y * y))));
    }
    default:
      return std::max(x, 0.0F);
  }
}

const char* bytes_of(const ggml_tensor* tensor, int64_t row) {
  return static_cast<const char*>(tensor->data) + static_cast<size_t>(row) * tensor->nb[1];
}

const float* floats_of(const ggml_tensor* tensor, int64_t row) {
  return reinterpret_cast<const float*>(bytes_of(tensor, row));
}

float& place_of(ggml_tensor* tensor, int64_t row, int64_t column) {
  return reinterpret_cast<float*>(static_cast<char*>(tensor->data) + static_cast<size_t>(row) * tensor->nb[1])[column];
}

// Rows of floats as the products with a matrix want them.
class Operand {
 public:
  Operand(const ggml_tensor* rows, const ggml_tensor* weights)
      : weights_(weights), traits_(ggml_get_type_traits_cpu(weights->type)) {
    row_size_ = ggml_row_size(traits_->vec_dot_type, rows->ne[0]);
    data_.resize(row_size_ * static_cast<size_t>(rows->ne[1]));
    const auto convert = ggml_get_type_traits_cpu(traits_->vec_dot_type)->from_float;
    for (int64_t row = 0; row < rows->ne[1]; row++) {
      char* place = data_.data() + row_size_ * static_cast<size_t>(row);
      if (traits_->vec_dot_type == GGML_TYPE_F32) {
        std::memcpy(place, floats_of(rows, row), row_size_);
      } else {
        convert(floats_of(rows, row), place, rows->ne[0]);
      }
    }
  }

  // Product of columns [start, start + n) of a row with those of a row of the matrix.
  float product(int64_t row, int64_t weights_row, int64_t start, int64_t n) const {
    float sum = 0;
    const char* weights = bytes_of(weights_, weights_row) + ggml_row_size(weights_->type, start);
    const char* values =
        data_.data() + row_size_ * static_cast<size_t>(row) + ggml_row_size(traits_->vec_dot_type, start);
    traits_->vec_dot(static_cast<int>(n), &sum, 0, weights, 0, values, 0, 1);
    return sum;
  }

 private:
  const ggml_tensor* weights_;
  const ggml_type_traits_cpu* traits_;
  size_t row_size_;
  std::vector<char> data_;
};

bool lies_as_in_file(const ggml_tensor* weights) {
  if (weights == nullptr || weights->buffer == nullptr || weights->view_src != nullptr) return false;
  const bool has_product = ggml_get_type_traits_cpu(weights->type)->vec_dot != nullptr;
  return has_product && ggml_backend_buffer_is_host(weights->buffer) && ggml_is_contiguous(weights);
}

struct Run {
  int64_t start;
  int64_t n;
};

// Blocks of channels in which something is not 0, neighbours together.
std::vector<Run> runs_of(const ggml_tensor* hidden, int64_t n_channels) {
  std::vector<Run> runs;
  for (int64_t first = 0; first < hidden->ne[0]; first += n_channels) {
    bool is_needed = false;
    for (int64_t token = 0; token < hidden->ne[1] && !is_needed; token++) {
      const float* values = floats_of(hidden, token) + first;
      is_needed = std::any_of(values, values + n_channels, [](float value) { return value != 0; });
    }
    if (!is_needed) continue;
    if (!runs.empty() && runs.back().start + runs.back().n == first) {
      runs.back().n += n_channels;
    } else {
      runs.push_back({first, n_channels});
    }
  }
  return runs;
}

}  // namespace

void FfnGraph::build(llama_sparse_ffn& layer, const SparsePlan& plan, bool is_planned) {
  if (!lies_as_in_file(layer.up) || !lies_as_in_file(layer.down)) return;
  const int64_t n_channels = MeasureGraph::block_channels(layer.down);
  if (layer.gate->ne[0] % n_channels != 0) return;
  n_layers_++;
  const auto at = static_cast<size_t>(layer.il);
  const float threshold = at < plan.ffn_thresholds.size() ? plan.ffn_thresholds[at] : 0;
  if (!is_planned || threshold <= 0) return;
  parts_.push_back({threshold, layer.op, n_channels});
  ggml_tensor* up[] = {layer.gate, layer.input, layer.up};
  ggml_tensor* hidden = ggml_custom_4d(layer.ctx, GGML_TYPE_F32, layer.gate->ne[0], layer.gate->ne[1], 1, 1, up, 3,
                                       way_up, GGML_N_TASKS_MAX, &parts_.back());
  ggml_tensor* down[] = {hidden, layer.down};
  layer.output = ggml_custom_4d(layer.ctx, GGML_TYPE_F32, layer.down->ne[1], hidden->ne[1], 1, 1, down, 2, way_down,
                                GGML_N_TASKS_MAX, &parts_.back());
}

// [n_ff, n_tokens]: activations times the way up; 0 in blocks that no token needs.
void FfnGraph::way_up(ggml_tensor* hidden, int ith, int nth, void* part) {
  const auto& [threshold, op, n_channels] = *static_cast<const Part*>(part);
  const ggml_tensor* gate = hidden->src[0];
  const Operand input(hidden->src[1], hidden->src[2]);
  for (int64_t first = ith * n_channels; first < hidden->ne[0]; first += nth * n_channels) {
    float largest = 0;
    for (int64_t token = 0; token < hidden->ne[1]; token++) {
      for (int64_t channel = first; channel < first + n_channels; channel++) {
        const float value = activation(op, floats_of(gate, token)[channel]);
        place_of(hidden, token, channel) = value;
        largest = std::max(largest, std::fabs(value));
      }
    }
    const bool is_needed = largest >= threshold;
    for (int64_t channel = first; channel < first + n_channels; channel++) {
      for (int64_t token = 0; token < hidden->ne[1]; token++) {
        place_of(hidden, token, channel) *= is_needed ? input.product(token, channel, 0, hidden->src[2]->ne[0]) : 0;
      }
    }
  }
}

// [n_embd, n_tokens]: the way down, of blocks in which something is not 0.
void FfnGraph::way_down(ggml_tensor* output, int ith, int nth, void* part) {
  const ggml_tensor* hidden = output->src[0];
  const std::vector<Run> runs = runs_of(hidden, static_cast<const Part*>(part)->n_channels);
  const Operand values(hidden, output->src[1]);
  for (int64_t row = ith; row < output->ne[0]; row += nth) {
    for (int64_t token = 0; token < output->ne[1]; token++) {
      float sum = 0;
      for (const Run& run : runs) sum += values.product(token, row, run.start, run.n);
      place_of(output, token, row) = sum;
    }
  }
}

}  // namespace outrider
