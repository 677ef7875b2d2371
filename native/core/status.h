// Outcome of a core operation; the bindings turn it into a coded JavaScript error.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace outrider {

enum class StatusCode {
  kOk,
  kInvalidArgument,
  kModelNotFound,
  kModelInvalid,
  kModelUnsupported,
  kModelLoad,
  kOutOfMemory,
  kContextCreate,
  kContextFull,
  kBatchTooLarge,
  kDecode,
  kShape,
  kUnsupportedCache,
  kStateFile,
  kPlugin,
  kAborted,
  kDisposed,
};

struct Status {
  StatusCode code = StatusCode::kOk;
  std::string message;
  int64_t needed = 0;     // cells, for kContextFull
  int64_t available = 0;  // cells, for kContextFull
  int32_t native = 0;     // what llama.cpp returned, for kDecode

  bool ok() const { return code == StatusCode::kOk; }
  static Status error(StatusCode code, std::string message) {
    Status status;
    status.code = code;
    status.message = std::move(message);
    return status;
  }
};

}  // namespace outrider
