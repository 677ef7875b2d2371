// What a verification batch may leave out.
#pragma once

#include <cstdint>
#include <vector>

namespace outrider {

struct SparsePlan {
  // Attention reads at most so many tokens of the context, in whole blocks of cells; 0: all of them.
  int32_t n_attended = 0;
  int32_t block_size = 4;        // cells; a divisor of 256
  int32_t n_sink = 16;           // first tokens, always read
  int32_t n_local = 128;         // last tokens before the batch, always read
  std::vector<int32_t> anchors;  // layers that choose blocks, ascending; others take the set of the anchor before
  bool keeps_choice = false;     // the chosen blocks and their scores can be read afterwards

  // Each token skips at most so many of its experts, 0: none; always one fewer than it has at most.
  int32_t n_skipped = 0;
  // [n_layer, n_skipped]: a token skips its m last experts where their share of the weights is below the m-th number of
  // the layer. Empty: it skips n_skipped in any case.
  std::vector<float> skip_shares;
  // Experts that no other token of the batch wants are skipped where their share of the token's weights is below this.
  float lone_share = 0;
  // A skipped expert's place is taken by another one that the token does not keep, at no weight, if possible one that other
  // tokens keep: for devices on which the cost is that of all experts that some token wants, and which cannot leave a place
  // empty. Experts of one token alone are then skipped only where there are at least 2 n_used - 2 experts.
  bool fills_places = false;

  // [n_layer]: blocks of channels whose gate activation is below the layer's number for all tokens of the batch are left
  // out; 0 or nothing: none.
  std::vector<float> ffn_thresholds;

  // Leaves nothing out, but measures what could be: experts' shares, and gate activations below each of these.
  bool measures = false;
  std::vector<float> thresholds;

  bool thins_attention() const { return n_attended != 0; }
  bool is_dense() const { return n_attended == 0 && n_skipped == 0 && lone_share <= 0 && ffn_thresholds.empty() && !measures; }
};

}  // namespace outrider
