// A view of contiguous elements, for C++17.
#pragma once

#include <cstddef>
#include <vector>

namespace outrider {

template <typename T>
class Span {
 public:
  Span() = default;
  Span(T* data, size_t size) : data_(data), size_(size) {}
  template <typename U>
  Span(const std::vector<U>& values) : data_(values.data()), size_(values.size()) {}

  T* data() const { return data_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T* begin() const { return data_; }
  T* end() const { return data_ + size_; }
  T& operator[](size_t index) const { return data_[index]; }
  Span last(size_t count) const { return count >= size_ ? *this : Span(data_ + size_ - count, count); }

 private:
  T* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace outrider
