// The native twins of the hot verifiers.
#pragma once

#include <napi.h>

namespace outrider {

// verify(rule, tokens, parents, targetRows, draftRows | undefined, accept, sample) -> Int32Array
// [nextToken, 1 for bonus or 0 for recovered, accepted nodes...]
Napi::Value verify(const Napi::CallbackInfo& info);

}  // namespace outrider
