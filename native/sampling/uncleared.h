// Arrays as long as a vocabulary, written once.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace outrider {

// Leaves new numbers of a vector as they are: a whole vocabulary is written at once, and need not be cleared first.
template <typename T>
struct Uncleared : std::allocator<T> {
  template <typename U>
  struct rebind {
    using other = Uncleared<U>;
  };
  template <typename U>
  void construct(U* place) {
    ::new (static_cast<void*>(place)) U;
  }
  template <typename U, typename... Args>
  void construct(U* place, Args&&... args) {
    ::new (static_cast<void*>(place)) U(std::forward<Args>(args)...);
  }
};

using TokenIds = std::vector<int32_t, Uncleared<int32_t>>;
using Probabilities = std::vector<double, Uncleared<double>>;

}  // namespace outrider
