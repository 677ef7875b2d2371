// Requests of a context as JavaScript writes them.
#pragma once

#include <napi.h>

#include "core/context.h"

namespace outrider {

DecodeRequest decode_request_arg(const Napi::Value& value);
DraftRequest draft_request_arg(const Napi::Object& object);
GrowRequest grow_request_arg(const Napi::Value& value);

}  // namespace outrider
