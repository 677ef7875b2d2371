// A llama_batch that owns its arrays; its sequence ids point into one flat array.
#pragma once

#include <cstdint>
#include <vector>

#include "llama.h"

namespace outrider {

class Batch {
 public:
  explicit Batch(size_t n) : positions_(n), counts_(n), ids_(n), outputs_(n, 0) {}

  // To be called once for each index, in order.
  void set(size_t index, int32_t position, const std::vector<llama_seq_id>& ids) {
    positions_[index] = position;
    counts_[index] = static_cast<int32_t>(ids.size());
    offsets_.push_back(flat_.size());
    flat_.insert(flat_.end(), ids.begin(), ids.end());
  }
  void output(int32_t index) { outputs_[static_cast<size_t>(index)] = 1; }
  llama_batch view(std::vector<llama_token>& tokens) {
    for (size_t i = 0; i < ids_.size(); i++) ids_[i] = flat_.data() + offsets_[i];
    llama_batch batch{};
    batch.n_tokens = static_cast<int32_t>(tokens.size());
    batch.token = tokens.data();
    batch.pos = positions_.data();
    batch.n_seq_id = counts_.data();
    batch.seq_id = ids_.data();
    batch.logits = outputs_.data();
    return batch;
  }

 private:
  std::vector<llama_pos> positions_;
  std::vector<int32_t> counts_;
  std::vector<llama_seq_id*> ids_;
  std::vector<int8_t> outputs_;
  std::vector<size_t> offsets_;
  std::vector<llama_seq_id> flat_;
};

}  // namespace outrider
