// A double-ended queue in one block whose length is a power of two: append and drop at the front cost a mask and a
// store, and a window that has emptied gives its memory back. std::deque holds 512 bytes from the first element on,
// which a hundred thousand groups would feel.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

namespace tocsin::detection {

template <class T>
class Ring {
 public:
  std::uint32_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  bool full() const { return size_ == capacity_; }
  T& operator[](std::uint32_t i) { return data_[(head_ + i) & (capacity_ - 1)]; }
  const T& operator[](std::uint32_t i) const { return data_[(head_ + i) & (capacity_ - 1)]; }
  const T& front() const { return (*this)[0]; }
  const T& back() const { return (*this)[size_ - 1]; }

  void push_back(T value) {
    if (full()) resize(capacity_ ? capacity_ * 2 : 4);
    data_[(head_ + size_++) & (capacity_ - 1)] = value;
  }
  void pop_back() { --size_; }
  void pop_front(std::uint32_t n = 1) {
    head_ = (head_ + n) & (capacity_ - 1);
    size_ -= n;
    if (capacity_ > 64 && size_ < capacity_ / 8) resize(capacity_ / 4);
  }
  /// Moves what lies behind `at`: cheap near the end, which is where late signals go.
  void insert(std::uint32_t at, T value) {
    push_back(value);
    for (std::uint32_t i = size_ - 1; i > at; --i) (*this)[i] = (*this)[i - 1];
    (*this)[at] = value;
  }
  void clear() {
    data_.reset();
    head_ = size_ = capacity_ = 0;
  }

 private:
  void resize(std::uint32_t capacity) {
    auto data = std::make_unique<T[]>(capacity);
    for (std::uint32_t i = 0; i < size_; ++i) data[i] = (*this)[i];
    data_ = std::move(data);
    capacity_ = capacity;
    head_ = 0;
  }

  std::unique_ptr<T[]> data_;
  std::uint32_t head_ = 0, size_ = 0, capacity_ = 0;
};

}  // namespace tocsin::detection
