// Validated reading of JavaScript arguments; every failure names the argument and what was received.
#pragma once

#include <napi.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace outrider {

// Thrown inside bindings and turned into a TypeError or RangeError at the edge by `guarded`.
struct ArgumentError : std::runtime_error {
  explicit ArgumentError(const std::string& message) : std::runtime_error(message) {}
};

inline std::string received(const Napi::Value& value) {
  if (value.IsString() || value.IsNumber() || value.IsBoolean()) return value.ToString().Utf8Value();
  if (value.IsUndefined()) return "undefined";
  if (value.IsNull()) return "null";
  if (value.IsFunction()) return "a function";
  return "an object";
}

[[noreturn]] inline void reject(const char* what, const char* name, const Napi::Value& value) {
  throw ArgumentError(std::string("Expected ") + what + " for " + name + " but received " + received(value));
}

inline double number_arg(const Napi::Value& value, const char* name) {
  if (!value.IsNumber()) reject("a number", name, value);
  return value.As<Napi::Number>().DoubleValue();
}

inline int32_t int_arg(const Napi::Value& value, const char* name) {
  const double number = number_arg(value, name);
  if (!(number >= INT32_MIN && number <= INT32_MAX) || number != static_cast<int32_t>(number)) {
    reject("a 32-bit integer", name, value);
  }
  return static_cast<int32_t>(number);
}

inline std::string string_arg(const Napi::Value& value, const char* name) {
  if (!value.IsString()) reject("a string", name, value);
  return value.As<Napi::String>().Utf8Value();
}

inline bool bool_arg(const Napi::Value& value, const char* name) {
  if (!value.IsBoolean()) reject("a boolean", name, value);
  return value.As<Napi::Boolean>().Value();
}

inline Napi::Object object_arg(const Napi::Value& value, const char* name) {
  if (!value.IsObject()) reject("an object", name, value);
  return value.As<Napi::Object>();
}

inline std::vector<int32_t> int32_array_arg(const Napi::Value& value, const char* name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_int32_array) {
    reject("an Int32Array", name, value);
  }
  const auto array = value.As<Napi::Int32Array>();
  return std::vector<int32_t>(array.Data(), array.Data() + array.ElementLength());
}

inline std::vector<double> float64_array_arg(const Napi::Value& value, const char* name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_float64_array) {
    reject("a Float64Array", name, value);
  }
  const auto array = value.As<Napi::Float64Array>();
  return std::vector<double>(array.Data(), array.Data() + array.ElementLength());
}

// Runs a binding's body, so that no C++ exception crosses the Node-API edge.
template <typename Body>
Napi::Value guarded(Napi::Env env, Body body) {
  try {
    return body();
  } catch (const ArgumentError& error) {
    Napi::TypeError::New(env, error.what()).ThrowAsJavaScriptException();
  } catch (const Napi::Error& error) {
    error.ThrowAsJavaScriptException();
  } catch (const std::exception& error) {
    Napi::Error::New(env, error.what()).ThrowAsJavaScriptException();
  }
  return env.Undefined();
}

}  // namespace outrider
