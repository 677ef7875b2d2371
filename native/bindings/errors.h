// Status -> coded JavaScript error; the one table of codes.
#pragma once

#include <napi.h>

#include "core/status.h"

namespace outrider {

// An Error with `code`, and the numbers that belong to it; the TypeScript side makes typed classes of it.
Napi::Error to_error(Napi::Env env, const Status& status);

// Throws `status` as a JavaScript exception.
void throw_status(Napi::Env env, const Status& status);

}  // namespace outrider
