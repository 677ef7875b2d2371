// Distributions of several rows, each a support in ascending token-id order.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "sampling/distribution.h"
#include "sampling/uncleared.h"

namespace outrider {

struct Rows {
  std::vector<size_t> offsets{0};  // [n_rows + 1]
  TokenIds ids;
  Probabilities probs;
  std::vector<float> logits;  // [n_rows, n_vocab] what the rows were made from, where it was asked for

  size_t n_rows() const { return offsets.size() - 1; }
  const int32_t* row_ids(size_t row) const { return ids.data() + offsets[row]; }
  const double* row_probs(size_t row) const { return probs.data() + offsets[row]; }
  size_t row_size(size_t row) const { return offsets[row + 1] - offsets[row]; }
  void clear() {
    offsets.assign(1, 0);
    ids.clear();
    probs.clear();
    logits.clear();
  }
  void end_row() { offsets.push_back(ids.size()); }
  void append(DistView law) {
    const size_t start = ids.size();
    ids.resize(start + law.size);
    probs.resize(start + law.size);
    std::copy(law.ids, law.ids + law.size, ids.begin() + static_cast<std::ptrdiff_t>(start));
    std::copy(law.probs, law.probs + law.size, probs.begin() + static_cast<std::ptrdiff_t>(start));
    end_row();
  }
};

}  // namespace outrider
