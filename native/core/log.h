// Catches what llama.cpp and ggml log, so that nothing reaches stdout or stderr by itself.
#pragma once

#include <functional>
#include <string>

namespace outrider {

// Severity as in ggml: 1 debug, 2 info, 3 warn, 4 error.
using LogSink = std::function<void(int level, const std::string& text)>;

// Routes all logs to the sinks; safe to call more than once.
void install_log_handler();

// Adds a sink for messages of at least `min_level`, called on any thread; returns its id.
int add_log_sink(int min_level, LogSink sink);
void remove_log_sink(int id);

// The errors logged on this thread since the last clear, one a line.
std::string take_thread_errors();
void clear_thread_errors();

}  // namespace outrider
