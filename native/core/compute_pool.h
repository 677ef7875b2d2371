// One thread that runs all computing of the contexts attached to it, and the ggml threads it computes with.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "ggml-cpu.h"

namespace outrider {

class ComputePool {
 public:
  // `n_threads` includes the thread that runs the tasks; at least 1.
  explicit ComputePool(int32_t n_threads);
  ~ComputePool();
  ComputePool(const ComputePool&) = delete;
  ComputePool& operator=(const ComputePool&) = delete;

  // Tasks run one after the other in the order they were posted.
  void post(std::function<void()> task);

  int32_t n_threads() const { return n_threads_; }
  // Threads that the next batches compute with, in [1, n_threads]; the others sleep.
  int32_t n_active() const { return n_active_.load(); }
  void set_active(int32_t n_threads);
  ggml_threadpool_t threadpool() const { return threadpool_; }

 private:
  struct Queue {
    std::mutex mutex;
    std::condition_variable ready;
    std::deque<std::function<void()>> tasks;
    bool closing = false;
  };
  static void run(const std::shared_ptr<Queue>& queue);

  int32_t n_threads_;
  std::atomic<int32_t> n_active_;
  ggml_threadpool_t threadpool_;
  std::shared_ptr<Queue> queue_;
  std::thread thread_;
};

}  // namespace outrider
