// Blocks of neighbouring cells of a KV cache: which are worth a look, which have to be read, and whose keys changed.
#pragma once

#include <cstdint>
#include <vector>

class llama_kv_cells;

namespace outrider {

// What the batch that is about to run reads and writes.
struct BlockRequest {
  int32_t block_size = 0;
  int32_t sequence = 0;
  int32_t n_past = 0;  // tokens of the sequence before the batch
  int32_t n_sink = 0;
  int32_t n_local = 0;
};

class CellBlocks {
 public:
  // Forgets what is known of all keys.
  void reset() { signatures_.clear(); }

  // Blocks whose keys are not those of the last `confirm`.
  std::vector<int32_t> changed(const llama_kv_cells& cells, int32_t block_size) const;

  // Fills [n_blocks]: 0 where the sequence has cells in the block and the batch none, far below elsewhere; and 0 for
  // blocks that may be left out, more for those that may not. Cells of a version above `version` are the batch's own.
  static void classify(const llama_kv_cells& cells, const BlockRequest& request, uint64_t version,
                       std::vector<float>& relevance, std::vector<float>& priority);

  // The keys of these blocks are known as they are now.
  void confirm(const llama_kv_cells& cells, int32_t block_size, const std::vector<int32_t>& blocks);

 private:
  static uint64_t signature_of(const llama_kv_cells& cells, int32_t block_size, int32_t block);

  std::vector<uint64_t> signatures_;  // [n_blocks] of the keys that are known; 0: none
};

}  // namespace outrider
