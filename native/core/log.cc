#include "core/log.h"

#include <map>
#include <mutex>
#include <utility>

#include "llama.h"

namespace outrider {

namespace {

struct Sink {
  int min_level;
  LogSink write;
};

// llama.cpp has one log handler per process, so its sinks are process-wide too.
struct Sinks {
  std::mutex mutex;
  std::map<int, Sink> by_id;
  int next_id = 1;
};

Sinks& sinks() {
  static Sinks instance;
  return instance;
}

thread_local std::string thread_errors;
thread_local int last_level = GGML_LOG_LEVEL_INFO;

void handle_log(ggml_log_level level, const char* text, void*) {
  const int effective = level == GGML_LOG_LEVEL_CONT ? last_level : static_cast<int>(level);
  last_level = effective;
  if (effective >= GGML_LOG_LEVEL_ERROR && thread_errors.size() < 4096) thread_errors += text;
  Sinks& all = sinks();
  std::lock_guard<std::mutex> lock(all.mutex);
  for (const auto& entry : all.by_id) {
    if (effective >= entry.second.min_level) entry.second.write(effective, text);
  }
}

}  // namespace

void install_log_handler() {
  static std::once_flag once;
  std::call_once(once, [] { llama_log_set(handle_log, nullptr); });
}

int add_log_sink(int min_level, LogSink sink) {
  Sinks& all = sinks();
  std::lock_guard<std::mutex> lock(all.mutex);
  const int id = all.next_id++;
  all.by_id[id] = Sink{min_level, std::move(sink)};
  return id;
}

void remove_log_sink(int id) {
  Sinks& all = sinks();
  std::lock_guard<std::mutex> lock(all.mutex);
  all.by_id.erase(id);
}

std::string take_thread_errors() {
  std::string errors;
  errors.swap(thread_errors);
  while (!errors.empty() && errors.back() == '\n') errors.pop_back();
  return errors;
}

void clear_thread_errors() { thread_errors.clear(); }

}  // namespace outrider
