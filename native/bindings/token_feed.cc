#include "bindings/token_feed.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace outrider {

namespace {

// Often enough that text flows; each time JavaScript runs, it takes a core from the decoding.
constexpr std::chrono::milliseconds kInterval(40);

}  // namespace

bool TokenFeed::offer(Span<const int32_t> tokens, const Rows& rows, const Timings& timings) {
  if (n_sent_ == 0 || std::chrono::steady_clock::now() - sent_at_ >= kInterval) send(tokens, rows, timings);
  return !is_stopped_.load();
}

void TokenFeed::finish(Span<const int32_t> tokens, const Rows& rows, const Timings& timings) {
  if (tokens.size() > n_sent_) send(tokens, rows, timings);
  queue_.notify([callback = on_tokens_](Napi::Env) { callback->Reset(); });
}

void TokenFeed::send(Span<const int32_t> tokens, const Rows& rows, const Timings& timings) {
  std::vector<int32_t> fresh(tokens.begin() + n_sent_, tokens.end());
  std::vector<double> probs(rows.probs.begin() + static_cast<std::ptrdiff_t>(n_sent_), rows.probs.end());
  const double decode_ms = timings.decode_ms - sent_timings_.decode_ms;
  const double sampling_ms = timings.sampling_ms - sent_timings_.sampling_ms;
  n_sent_ = tokens.size();
  sent_timings_ = timings;
  sent_at_ = std::chrono::steady_clock::now();
  queue_.notify([callback = on_tokens_, fresh = std::move(fresh), probs = std::move(probs), decode_ms,
                 sampling_ms](Napi::Env env) {
    Napi::Int32Array array = Napi::Int32Array::New(env, fresh.size());
    std::copy(fresh.begin(), fresh.end(), array.Data());
    Napi::Float64Array probabilities = Napi::Float64Array::New(env, probs.size());
    std::copy(probs.begin(), probs.end(), probabilities.Data());
    callback->Call({array, probabilities, Napi::Number::New(env, decode_ms), Napi::Number::New(env, sampling_ms)});
  });
}

}  // namespace outrider
