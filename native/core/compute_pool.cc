#include "core/compute_pool.h"

#include <algorithm>
#include <utility>

namespace outrider {

ComputePool::ComputePool(int32_t n_threads)
    : n_threads_(std::min(std::max(n_threads, 1), GGML_MAX_N_THREADS)),
      n_active_(n_threads_),
      queue_(std::make_shared<Queue>()) {
  ggml_threadpool_params params = ggml_threadpool_params_default(n_threads_);
  threadpool_ = ggml_threadpool_new(&params);
  thread_ = std::thread([queue = queue_] { run(queue); });
}

ComputePool::~ComputePool() {
  {
    std::lock_guard<std::mutex> lock(queue_->mutex);
    queue_->closing = true;
  }
  queue_->ready.notify_all();
  // The last owner may be a task of this very pool.
  if (thread_.get_id() == std::this_thread::get_id()) {
    thread_.detach();
  } else {
    thread_.join();
  }
  ggml_threadpool_free(threadpool_);
}

void ComputePool::set_active(int32_t n_threads) { n_active_ = std::min(std::max(n_threads, 1), n_threads_); }

void ComputePool::post(std::function<void()> task) {
  {
    std::lock_guard<std::mutex> lock(queue_->mutex);
    queue_->tasks.push_back(std::move(task));
  }
  queue_->ready.notify_one();
}

void ComputePool::run(const std::shared_ptr<Queue>& queue) {
  while (true) {
    std::function<void()> task;
    {
      std::unique_lock<std::mutex> lock(queue->mutex);
      queue->ready.wait(lock, [&] { return queue->closing || !queue->tasks.empty(); });
      if (queue->tasks.empty()) return;
      task = std::move(queue->tasks.front());
      queue->tasks.pop_front();
    }
    task();
  }
}

}  // namespace outrider
