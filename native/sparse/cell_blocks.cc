#include "sparse/cell_blocks.h"

#include <algorithm>

#include "llama-kv-cells.h"

namespace outrider {

namespace {

// The batch's own cells are never left out, then come the first tokens, then the last ones.
constexpr float kOwn = 3e6F;
constexpr float kSink = 2e6F;
constexpr float kLocal = 1e6F;
// Finite, so that a softmax over nothing but these is still a number.
constexpr float kIrrelevant = -1e9F;

constexpr uint64_t kHashStart = 14695981039346656037ULL;  // FNV-1a
constexpr uint64_t kHashFactor = 1099511628211ULL;

}  // namespace

uint64_t CellBlocks::signature_of(const llama_kv_cells& cells, int32_t block_size, int32_t block) {
  uint64_t hash = kHashStart;
  const auto first = static_cast<uint32_t>(block * block_size);
  for (uint32_t cell = first; cell < first + static_cast<uint32_t>(block_size); cell++) {
    hash = (hash ^ (cells.is_empty(cell) ? 0 : cells.version_get(cell))) * kHashFactor;
  }
  return hash;
}

std::vector<int32_t> CellBlocks::changed(const llama_kv_cells& cells, int32_t block_size) const {
  std::vector<int32_t> blocks;
  const auto n_blocks = static_cast<int32_t>(cells.size()) / block_size;
  const auto end = static_cast<int32_t>(cells.used_max_p1());
  for (int32_t block = 0; block < n_blocks && block * block_size < end; block++) {
    const auto at = static_cast<size_t>(block);
    if (at >= signatures_.size() || signatures_[at] != signature_of(cells, block_size, block)) blocks.push_back(block);
  }
  return blocks;
}

void CellBlocks::classify(const llama_kv_cells& cells, const BlockRequest& request, uint64_t version,
                          std::vector<float>& relevance, std::vector<float>& priority) {
  std::fill(relevance.begin(), relevance.end(), kIrrelevant);
  std::fill(priority.begin(), priority.end(), 0.0F);
  const auto end = std::min<size_t>(relevance.size() * static_cast<size_t>(request.block_size), cells.size());
  for (size_t cell = 0; cell < end; cell++) {
    const auto index = static_cast<uint32_t>(cell);
    if (cells.is_empty(index)) continue;
    const bool is_own = cells.version_get(index) > version;
    if (!is_own && !cells.seq_has(index, request.sequence)) continue;
    const size_t block = cell / static_cast<size_t>(request.block_size);
    const int32_t position = cells.pos_get(index);
    float found = 0;
    if (position >= request.n_past - request.n_local) found = kLocal;
    if (position < request.n_sink) found = kSink;
    if (is_own) found = kOwn;
    priority[block] = std::max(priority[block], found);
    // What a block holds of the batch itself must not bear on the choice: a tree and its paths choose alike.
    relevance[block] = priority[block] < kOwn ? 0.0F : kIrrelevant;
  }
}

void CellBlocks::confirm(const llama_kv_cells& cells, int32_t block_size, const std::vector<int32_t>& blocks) {
  signatures_.resize(cells.size() / static_cast<size_t>(block_size));
  for (const int32_t block : blocks) {
    signatures_[static_cast<size_t>(block)] = signature_of(cells, block_size, block);
  }
}

}  // namespace outrider
