// What a verification batch may leave out.
#pragma once

#include <cstdint>
#include <vector>

namespace outrider {

struct SparsePlan {
  // Attention reads at most so many tokens of the context, in whole blocks of cells; 0: all of them.
  int32_t n_attended = 0;
  int32_t block_size = 16;       // cells; a divisor of 256
  int32_t n_sink = 16;           // first tokens, always read
  int32_t n_local = 128;         // last tokens before the batch, always read
  std::vector<int32_t> anchors;  // layers that choose blocks, ascending; others take the set of the anchor before
  bool keeps_choice = false;     // the chosen blocks and their scores can be read afterwards

  bool is_dense() const { return n_attended == 0; }
};

}  // namespace outrider
