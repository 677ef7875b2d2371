// Promises for work on compute pools: one thread-safe function per environment carries all completions.
#pragma once

#include <napi.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>

#include "core/compute_pool.h"
#include "core/status.h"

namespace outrider {

class AsyncQueue {
 public:
  using Work = std::function<Status()>;
  using Settle = std::function<Napi::Value(Napi::Env)>;

  explicit AsyncQueue(Napi::Env env);
  ~AsyncQueue();
  AsyncQueue(const AsyncQueue&) = delete;
  AsyncQueue& operator=(const AsyncQueue&) = delete;

  // Runs `work` on the pool, then resolves with `settle` or rejects with the status, on the JavaScript thread.
  Napi::Promise run(Napi::Env env, ComputePool& pool, Work work, Settle settle);

  // Runs `call` on the JavaScript thread soon; from any thread, dropped when the environment closes.
  void notify(std::function<void(Napi::Env)> call);

  // Waits until no work is running, then stops. Called when the environment closes.
  void close();
  bool closing() const { return closing_.load(); }

 private:
  using Call = std::function<void(Napi::Env)>;
  static void call_js(Napi::Env env, Napi::Function, std::nullptr_t*, Call* call);
  using Function = Napi::TypedThreadSafeFunction<std::nullptr_t, Call, &AsyncQueue::call_js>;

  void started(Napi::Env env);
  void finished(Napi::Env env);

  Function function_;
  std::atomic<bool> closing_{false};
  int pending_ = 0;  // promises not yet settled; JavaScript thread only
  std::mutex mutex_;
  std::condition_variable idle_;
  int running_ = 0;  // tasks posted and not yet done
};

}  // namespace outrider
