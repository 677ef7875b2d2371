// Growing a token tree with the model of a context.
#include <algorithm>
#include <chrono>

#include "core/batch.h"
#include "core/context.h"
#include "core/log.h"

namespace outrider {

// One call of Context::grow.
class Growth {
 public:
  Growth(Context& context, const GrowRequest& request, uint64_t epoch, GrownTree& tree, Timings& timings)
      : context_(context), request_(request), epoch_(epoch), tree_(tree), timings_(timings) {}
  ~Growth() {
    for (ChildRow& row : rows_) context_.give_row(row.release());
  }
  Growth(const Growth&) = delete;
  Growth& operator=(const Growth&) = delete;

  Status run() {
    DecodeRequest prefix = request_.prefix;
    prefix.parents.clear();
    prefix.outputs.assign(1, static_cast<int32_t>(prefix.tokens.size()) - 1);
    Rows row = context_.take_row();
    Status status = context_.decode(prefix, epoch_, row, timings_);
    if (!status.ok()) return status;
    start_ = prefix.n_past + static_cast<int32_t>(prefix.tokens.size());
    status = context_.commit(sequence(), static_cast<int32_t>(prefix.tokens.size()) - 1);
    if (!status.ok()) return status;
    history_ = prefix.history;
    history_.insert(history_.end(), prefix.tokens.begin(), prefix.tokens.end());
    rows_.emplace_back(std::move(row));
    has_heir_.push_back(0);
    pending().start = start_;
    pending().is_active = true;
    status = request_.rules.rule == GrowthRule::kFixed ? grow_fixed() : grow_best_first();
    if (!status.ok()) {
      context_.rewind(sequence(), start_);
      return status;
    }
    for (const int32_t id : pending().ids) tree_.decoded.push_back(id >= 0);
    return status;
  }

 private:
  int32_t sequence() const { return request_.prefix.sequence; }
  Context::PendingTree& pending() { return context_.trees_[static_cast<size_t>(sequence())]; }
  ChildRow& row_below(int32_t node) { return rows_[static_cast<size_t>(node + 1)]; }

  // Draws the token of the next node from what is left below `parent`; `is_last`: no further sibling will follow.
  double draw(int32_t parent, bool is_last) {
    ChildRow& row = row_below(parent);
    const Draws draws = request_.rules.draws;
    const bool is_top = draws == Draws::kTop || (draws == Draws::kTopThenSampled && !is_last);
    if (draws == Draws::kTopThenSampled && is_last) row.normalise();
    const auto node = static_cast<int32_t>(tree_.tokens.size());
    const DistView law = row.view();
    const size_t index =
        is_top ? row.top() : row.index_of(sample_categorical(law, request_.uniforms[static_cast<size_t>(node)]));
    const int32_t token = law.ids[index];
    const double probability = law.probs[index];
    if (draws != Draws::kTop) {
      const double one = 1;
      tree_.rows.append(is_top ? DistView{&token, &one, 1} : law);
    }
    if (draws != Draws::kWithReplacement) row.erase(index);
    if (draws == Draws::kWithoutReplacement) row.normalise();
    tree_.tokens.push_back(token);
    tree_.parents.push_back(parent);
    tree_.probabilities.push_back(probability);
    rows_.emplace_back();
    has_heir_.push_back(0);
    pending().ids.push_back(-1);
    pending().depths.push_back(parent < 0 ? 0 : pending().depths[static_cast<size_t>(parent)] + 1);
    return probability;
  }

  Status grow_fixed() {
    const std::vector<int32_t>& parents = request_.rules.parents;
    const auto n = static_cast<int32_t>(parents.size());
    std::vector<int32_t> node_of(parents.size(), -2);  // -2: not drawn, because a row gave too little
    std::vector<int32_t> n_children(parents.size() + 1);
    for (const int32_t parent : parents) n_children[static_cast<size_t>(parent + 1)]++;
    int32_t level_start = 0;
    for (int32_t place = 0; place < n; place++) {
      const int32_t above = parents[static_cast<size_t>(place)];
      const int32_t parent = above < 0 ? -1 : node_of[static_cast<size_t>(above)];
      if (above >= level_start) {
        // The first node of a level: all parents of the level are drawn.
        std::vector<int32_t> wanted;
        for (int32_t other = level_start; other < place; other++) {
          const bool has_children = n_children[static_cast<size_t>(other + 1)] > 0;
          if (has_children && node_of[static_cast<size_t>(other)] >= 0)
            wanted.push_back(node_of[static_cast<size_t>(other)]);
        }
        const Status status = decode_nodes(wanted);
        if (!status.ok()) return status;
        level_start = place;
      }
      if (parent == -2 || !row_below(parent).reaches(request_.rules.min_probability)) continue;
      const bool is_last = place + 1 == n || parents[static_cast<size_t>(place + 1)] != above;
      draw(parent, is_last);
      node_of[static_cast<size_t>(place)] = static_cast<int32_t>(tree_.tokens.size()) - 1;
    }
    return {};
  }

  Status grow_best_first() {
    GrowthFront front(request_.rules);
    front.open(-1, 0, 1);
    front.know(-1, row_below(-1));
    int32_t n_leaves = 1;
    while (!front.empty() && static_cast<int32_t>(tree_.tokens.size()) < request_.rules.n_nodes) {
      // Known before anything is drawn there, or the tree's law would depend on what it leaves out.
      if (front.best().priority < request_.rules.min_acceptance) break;
      if (!front.best().exact) {
        if (front.wanted_gain() <= request_.rules.min_level_gain) {
          front.close_unknown();
          continue;
        }
        const std::vector<int32_t> wanted = front.wanted_rows();
        const Status status = decode_nodes(wanted);
        if (!status.ok()) return status;
        for (const int32_t parent : wanted) front.know(parent, row_below(parent));
        continue;
      }
      const Slot slot = front.best();
      front.close(front.best());
      if (slot.rank > 0 && n_leaves >= request_.max_leaves) continue;
      n_leaves += slot.rank > 0;
      const double probability = draw(slot.parent, false);
      double child = 0;
      double sibling = 0;
      front.values_after(slot, probability, child, sibling);
      front.open(slot.parent, slot.rank + 1, sibling);
      front.know(slot.parent, row_below(slot.parent));
      if (request_.rules.stop_at_end && llama_vocab_is_eog(context_.model_->vocab(), tree_.tokens.back())) continue;
      front.open(static_cast<int32_t>(tree_.tokens.size()) - 1, 0, child);
    }
    return {};
  }

  // Decodes nodes whose parents are decoded, and learns what their children are drawn from. Nodes that the context has
  // no room or no id for are left out: their rows stay empty.
  Status decode_nodes(const std::vector<int32_t>& nodes) {
    const int32_t n_batch = context_.n_batch();
    for (size_t first = 0; first < nodes.size(); first += static_cast<size_t>(n_batch)) {
      const size_t last = std::min(nodes.size(), first + static_cast<size_t>(n_batch));
      const Status status = decode_batch(std::vector<int32_t>(nodes.begin() + static_cast<std::ptrdiff_t>(first),
                                                              nodes.begin() + static_cast<std::ptrdiff_t>(last)));
      if (!status.ok()) return status;
    }
    return {};
  }

  Status decode_batch(const std::vector<int32_t>& wanted) {
    std::vector<int32_t> nodes;
    std::vector<int32_t> ids;
    for (const int32_t node : wanted) {
      int32_t id = -1;
      const bool fits = start_ + n_decoded_ + static_cast<int32_t>(nodes.size()) < context_.n_ctx();
      if (!fits || !take_id(node, id)) continue;
      nodes.push_back(node);
      ids.push_back(id);
    }
    if (nodes.empty()) return {};
    Batch batch(nodes.size());
    std::vector<llama_token> tokens;
    for (size_t i = 0; i < nodes.size(); i++) {
      const auto node = static_cast<size_t>(nodes[i]);
      batch.set(i, start_ + pending().depths[node], {ids[i]});
      batch.output(static_cast<int32_t>(i));
      tokens.push_back(tree_.tokens[node]);
    }
    const auto started = std::chrono::steady_clock::now();
    context_.running_epoch_ = epoch_;
    clear_thread_errors();
    const int32_t code = context_.compute(batch.view(tokens), epoch_);
    // Some cells may be there even when it failed.
    for (size_t i = 0; i < nodes.size(); i++) note_decoded(nodes[i], ids[i]);
    if (code != 0) return context_.explain(code, request_.prefix);
    llama_synchronize(context_.context_);
    const auto decoded = std::chrono::steady_clock::now();
    timings_.decode_ms += std::chrono::duration<double, std::milli>(decoded - started).count();
    for (size_t i = 0; i < nodes.size(); i++) {
      Rows row = context_.take_row();
      const std::vector<int32_t> path = path_history(nodes[i]);
      const Status status =
          context_.append_row(static_cast<int32_t>(i), request_.prefix, Span<const int32_t>(path), row);
      if (!status.ok()) return status;
      row_below(nodes[i]) = ChildRow(std::move(row));
    }
    timings_.sampling_ms +=
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - decoded).count();
    return {};
  }

  // The first child that is decoded goes on with its parent's id; others borrow one and share the path.
  bool take_id(int32_t node, int32_t& id) {
    const int32_t parent = tree_.parents[static_cast<size_t>(node)];
    const int32_t source = parent < 0 ? sequence() : pending().ids[static_cast<size_t>(parent)];
    uint8_t& has_heir = has_heir_[static_cast<size_t>(parent + 1)];
    if (!has_heir) {
      has_heir = 1;
      id = source;
      return true;
    }
    const int32_t end = start_ + pending().depths[static_cast<size_t>(node)];
    return context_.borrow_id(pending(), source, end, id).ok();
  }

  void note_decoded(int32_t node, int32_t id) {
    pending().ids[static_cast<size_t>(node)] = id;
    n_decoded_++;
    int32_t& length = context_.lengths_[static_cast<size_t>(sequence())];
    if (id == sequence()) length = std::max(length, start_ + pending().depths[static_cast<size_t>(node)] + 1);
  }

  std::vector<int32_t> path_history(int32_t node) const {
    if (!request_.prefix.sampler->needs_history()) return {};
    std::vector<int32_t> path;
    for (int32_t at = node; at >= 0; at = tree_.parents[static_cast<size_t>(at)])
      path.push_back(tree_.tokens[static_cast<size_t>(at)]);
    std::vector<int32_t> all = history_;
    all.insert(all.end(), path.rbegin(), path.rend());
    return all;
  }

  Context& context_;
  const GrowRequest& request_;
  const uint64_t epoch_;
  GrownTree& tree_;
  Timings& timings_;
  int32_t start_ = 0;  // position of the root's children
  int32_t n_decoded_ = 0;
  std::vector<int32_t> history_;
  std::vector<ChildRow> rows_;     // [n + 1]: below the root, then below each node
  std::vector<uint8_t> has_heir_;  // as rows_: whether a child goes on with the node's id
};

Status Context::grow(const GrowRequest& request, uint64_t epoch, GrownTree& tree, Timings& timings) {
  if (rollback_ != Rollback::kFull) {
    return Status::error(StatusCode::kUnsupportedCache, "The state of this model cannot branch: draft a chain.");
  }
  return Growth(*this, request, epoch, tree, timings).run();
}

}  // namespace outrider
