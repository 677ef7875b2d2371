#include "bindings/async_queue.h"

#include <exception>
#include <memory>
#include <utility>

#include "bindings/errors.h"

namespace outrider {

AsyncQueue::AsyncQueue(Napi::Env env)
    : function_(Function::New(env, Napi::Function(), Napi::Object(), "outrider", 0, 1, nullptr)) {
  function_.Unref(env);
}

AsyncQueue::~AsyncQueue() { close(); }

void AsyncQueue::call_js(Napi::Env env, Napi::Function, std::nullptr_t*, Call* call) {
  const std::unique_ptr<Call> owned(call);
  if (static_cast<napi_env>(env) != nullptr) (*owned)(env);
}

void AsyncQueue::started(Napi::Env env) {
  if (pending_++ == 0) function_.Ref(env);
}

void AsyncQueue::finished(Napi::Env env) {
  if (--pending_ == 0) function_.Unref(env);
}

void AsyncQueue::notify(std::function<void(Napi::Env)> call) {
  auto* heap = new Call(std::move(call));
  if (function_.NonBlockingCall(heap) != napi_ok) delete heap;
}

Napi::Promise AsyncQueue::run(Napi::Env env, ComputePool& pool, Work work, Settle settle) {
  const auto deferred = std::make_shared<Napi::Promise::Deferred>(env);
  started(env);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    running_++;
  }
  pool.post([this, deferred, work = std::move(work), settle = std::move(settle)]() mutable {
    Status status;
    if (closing_.load()) {
      status = Status::error(StatusCode::kDisposed, "The environment is closing.");
    } else {
      try {
        status = work();
      } catch (const std::bad_alloc&) {
        status = Status::error(StatusCode::kOutOfMemory, "Out of memory. Use a smaller context or model.");
      } catch (const std::exception& error) {
        status = Status::error(StatusCode::kDecode, error.what());
      }
    }
    notify([this, deferred, work = std::move(work), settle = std::move(settle),
            status = std::move(status)](Napi::Env inner) {
      finished(inner);
      if (!status.ok()) {
        deferred->Reject(to_error(inner, status).Value());
        return;
      }
      deferred->Resolve(settle(inner));
    });
    std::lock_guard<std::mutex> lock(mutex_);
    if (--running_ == 0) idle_.notify_all();
  });
  return deferred->Promise();
}

void AsyncQueue::close() {
  if (closing_.exchange(true)) return;
  {
    std::unique_lock<std::mutex> lock(mutex_);
    idle_.wait(lock, [this] { return running_ == 0; });
  }
  function_.Abort();
}

}  // namespace outrider
