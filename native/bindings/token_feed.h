// Tokens on their way to JavaScript while more are being drawn.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "bindings/async_queue.h"
#include "bindings/callback.h"
#include "core/context.h"
#include "core/span.h"
#include "sampling/rows.h"

namespace outrider {

class TokenFeed {
 public:
  // onTokens(tokens: Int32Array, probabilities: Float64Array, decodeMs, samplingMs), called on the JavaScript thread.
  TokenFeed(AsyncQueue& queue, Callback on_tokens) : queue_(queue), on_tokens_(std::move(on_tokens)) {}

  // Takes all tokens drawn so far, with rows that hold each token alone, and sends what is due; returns false once
  // stopped. On the pool's thread.
  bool offer(Span<const int32_t> tokens, const Rows& rows, const Timings& timings);

  // Sends what was not due yet and lets go of the callback. On the pool's thread.
  void finish(Span<const int32_t> tokens, const Rows& rows, const Timings& timings);

  // No more tokens wanted; from any thread.
  void stop() { is_stopped_.store(true); }

 private:
  void send(Span<const int32_t> tokens, const Rows& rows, const Timings& timings);

  AsyncQueue& queue_;
  Callback on_tokens_;
  std::atomic<bool> is_stopped_{false};
  size_t n_sent_ = 0;
  Timings sent_timings_;
  std::chrono::steady_clock::time_point sent_at_;
};

}  // namespace outrider
