#include "bindings/errors.h"

namespace outrider {

namespace {

const char* code_name(StatusCode code) {
  switch (code) {
    case StatusCode::kInvalidArgument:
      return "INVALID_ARGUMENT";
    case StatusCode::kModelNotFound:
      return "MODEL_NOT_FOUND";
    case StatusCode::kModelInvalid:
      return "MODEL_INVALID";
    case StatusCode::kModelUnsupported:
      return "MODEL_UNSUPPORTED";
    case StatusCode::kModelLoad:
      return "MODEL_LOAD";
    case StatusCode::kOutOfMemory:
      return "OUT_OF_MEMORY";
    case StatusCode::kContextCreate:
      return "CONTEXT_CREATE";
    case StatusCode::kContextFull:
      return "CONTEXT_FULL";
    case StatusCode::kBatchTooLarge:
      return "BATCH_TOO_LARGE";
    case StatusCode::kDecode:
      return "DECODE";
    case StatusCode::kShape:
      return "SHAPE";
    case StatusCode::kUnsupportedCache:
      return "UNSUPPORTED_CACHE";
    case StatusCode::kStateFile:
      return "STATE_FILE";
    case StatusCode::kPlugin:
      return "PLUGIN";
    case StatusCode::kAborted:
      return "ABORTED";
    case StatusCode::kDisposed:
      return "DISPOSED";
    case StatusCode::kOk:
      break;
  }
  return "OK";
}

}  // namespace

Napi::Error to_error(Napi::Env env, const Status& status) {
  Napi::Error error = Napi::Error::New(env, status.message);
  Napi::Object value = error.Value();
  value.Set("code", code_name(status.code));
  if (status.code == StatusCode::kContextFull) {
    value.Set("needed", static_cast<double>(status.needed));
    value.Set("available", static_cast<double>(status.available));
  }
  if (status.code == StatusCode::kDecode) value.Set("status", status.native);
  return error;
}

void throw_status(Napi::Env env, const Status& status) { to_error(env, status).ThrowAsJavaScriptException(); }

}  // namespace outrider
