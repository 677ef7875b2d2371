// How a token tree grows: which parent the next node is drawn below, decided before its token is seen. Knows nothing of
// models.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "sampling/distribution.h"
#include "sampling/rows.h"

namespace outrider {

// How siblings are drawn.
enum class Draws {
  kTop,                 // the likeliest tokens
  kWithReplacement,     // independent draws
  kWithoutReplacement,  // each from what the siblings before left, normalised
  kTopThenSampled,      // all but the last as kTop, the last from what they left; fixed shapes only
};

enum class GrowthRule {
  kFixed,       // the shape is given
  kCalibrated,  // by the measured acceptance of the k-th sibling given its draft probability
  kDySpec,      // Xiong et al., arXiv:2410.11744: draft probabilities stand for acceptance
  kEagle2,      // Li et al., arXiv:2406.16858: the likeliest paths
};

struct GrowthRules {
  GrowthRule rule = GrowthRule::kFixed;
  Draws draws = Draws::kTop;
  int32_t n_nodes = 0;           // of a fixed shape, or at most
  std::vector<int32_t> parents;  // [n_nodes] of a fixed shape, level by level
  double min_probability = 0;    // nothing is drawn from a row whose largest probability is below
  double min_level_gain = 0;     // best first: the model is not asked for a level that can bring no more tokens than this
  double min_acceptance = 0;     // best first: nothing is drawn where what is drawn is less likely to be accepted than this
  bool stop_at_end = false;      // best first: end-of-generation tokens get no children
  std::vector<double> knots;     // [n_knots] draft probabilities, ascending from 0
  std::vector<double> rates;     // [n_ranks, n_knots] acceptance at the knots; later siblings as the last rank
};

// What the children of a node are drawn from. Drawn tokens are taken out, but not with replacement.
class ChildRow {
 public:
  ChildRow() = default;
  // Takes over one row.
  explicit ChildRow(Rows&& row) : row_(std::move(row)) {}

  // The row; what was taken out of it is removed only when somebody looks, for most nodes get no second child.
  DistView view();
  // Index of the likeliest token, the smaller id on ties. The row must not be empty.
  size_t top();
  // True when there is a token of at least this probability.
  bool reaches(double probability);
  size_t index_of(int32_t token);
  void erase(size_t index);
  // Divides by the sum, when somebody looks.
  void normalise() { is_normal_ = false; }
  // Expectation of rate(probability of a drawn token) for a rate that is `start + slope * probability` up to `end`, and
  // `rate` from there. Does not look, so that it is right up to rounding.
  double expected(double start, double slope, double end, const std::function<double(double)>& rate) const;
  // Gives its memory back.
  Rows release() { return std::move(row_); }

 private:
  static constexpr size_t kNone = SIZE_MAX;
  Rows row_;               // one row
  size_t erased_ = kNone;  // a token that is still to be removed
  bool is_normal_ = true;  // false: still to be divided by the sum
};

// Acceptance of the sibling of this rank (from 0), linear between knots; the draft probability where none are given.
double acceptance_rate(const GrowthRules& rules, int32_t rank, double probability);

// A place where a node can be drawn.
struct Slot {
  int32_t parent = -1;
  int32_t rank = 0;     // siblings before it
  double value = 1;     // estimated probability that this place is reached in verification
  double priority = 1;  // value times the estimated acceptance of what would be drawn
  bool exact = false;   // false: the parent's row is not known, and the priority is an upper bound
};

// The open slots of a tree that grows best first.
class GrowthFront {
 public:
  explicit GrowthFront(const GrowthRules& rules) : rules_(rules) {}

  bool empty() const { return slots_.empty(); }
  void open(int32_t parent, int32_t rank, double value) { slots_.push_back({parent, rank, value, value, false}); }
  // The best slot; ties go to the older parent.
  Slot& best();
  // Parents whose rows decide which slot is best.
  std::vector<int32_t> wanted_rows() const;
  // Expected tokens that children of the wanted parents can bring at most.
  double wanted_gain() const;
  // Closes every slot whose parent's row is not known.
  void close_unknown();
  // Tells the row of a slot's parent; a row that gives nothing closes the slot.
  void know(int32_t parent, ChildRow& row);
  void close(const Slot& slot);
  // Values of the first child of a node drawn in `slot` with this probability, and of its next sibling.
  void values_after(const Slot& slot, double probability, double& child, double& sibling) const;

 private:
  // Slots that may turn out better than the best known one.
  std::vector<const Slot*> wanted() const;
  double expected_acceptance(int32_t rank, ChildRow& row) const;

  const GrowthRules& rules_;
  std::vector<Slot> slots_;
};

}  // namespace outrider
