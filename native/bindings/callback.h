// JavaScript functions that native threads hold on to.
#pragma once

#include <napi.h>

#include <memory>

namespace outrider {

using Callback = std::shared_ptr<Napi::FunctionReference>;

// Reset it on the JavaScript thread when it is not called any more: the last owner may be another thread, while the
// environment closes, and must not let go of the function.
inline Callback keep_callback(const Napi::Value& function) {
  auto callback = std::make_shared<Napi::FunctionReference>(Napi::Persistent(function.As<Napi::Function>()));
  callback->SuppressDestruct();
  return callback;
}

}  // namespace outrider
