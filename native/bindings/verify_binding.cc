#include "bindings/verify_binding.h"

#include <algorithm>

#include "bindings/args.h"
#include "bindings/errors.h"
#include "bindings/sampler_binding.h"
#include "verify/verifiers.h"

namespace outrider {

namespace {

void check_size(const char* name, size_t expected, size_t actual, Napi::Env env) {
  if (expected == actual) return;
  throw to_error(env, Status::error(StatusCode::kShape, std::string("Expected ") + std::to_string(expected) + " " +
                                                            name + " but received " + std::to_string(actual) + "."));
}

using TreeRule = Verdict (*)(const int32_t*, const int32_t*, size_t, const Rows&, const Rows*, const double*,
                             const double*);

TreeRule tree_rule(const std::string& name) {
  if (name == "recursive") return verify_recursive;
  if (name == "traversal") return verify_traversal;
  if (name == "k-seq") return verify_k_seq;
  if (name == "greedy-multi-draft") return verify_greedy_multi_draft;
  return nullptr;
}

}  // namespace

Napi::Value verify(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    const std::string rule = string_arg(info[0], "rule");
    const auto tokens = int32_array_arg(info[1], "tokens");
    const auto parents = int32_array_arg(info[2], "parents");
    const auto target = RowsBinding::from(info[3], "targetRows");
    const auto draft = info[4].IsUndefined() ? nullptr : RowsBinding::from(info[4], "draftRows");
    const auto accept = float64_array_arg(info[5], "accept");
    const auto sample = float64_array_arg(info[6], "sample");
    const double epsilon = info[7].IsUndefined() ? 0 : number_arg(info[7], "epsilon");
    const size_t n = tokens.size();
    check_size("parents", n, parents.size(), env);
    // Rows behind those of the tree are of tokens that only fill the batch.
    check_size("target rows", n + 1, std::min<size_t>(n + 1, target->n_rows()), env);
    if (draft) check_size("draft rows", n, draft->n_rows(), env);
    check_size("accept uniforms", n, accept.size(), env);
    bool is_chain = true;
    std::vector<int32_t> depths(n);
    int32_t deepest = 0;
    for (size_t node = 0; node < n; node++) {
      const int32_t parent = parents[node];
      if (parent < -1 || parent >= static_cast<int32_t>(node)) {
        throw to_error(env, Status::error(StatusCode::kShape, "Expected parents before their children."));
      }
      is_chain = is_chain && parent == static_cast<int32_t>(node) - 1;
      depths[node] = parent < 0 ? 1 : depths[static_cast<size_t>(parent)] + 1;
      deepest = std::max(deepest, depths[node]);
    }
    check_size("sample uniforms", static_cast<size_t>(deepest) + 1, sample.size(), env);
    Verdict verdict;
    if (rule == "match") {
      verdict = verify_match(tokens.data(), parents.data(), n, *target, sample.data());
    } else if (const TreeRule run = tree_rule(rule)) {
      verdict = run(tokens.data(), parents.data(), n, *target, draft.get(), accept.data(), sample.data());
    } else if (rule == "rejection" || rule == "block") {
      if (!is_chain) throw to_error(env, Status::error(StatusCode::kShape, rule + " verifies chains only."));
      verdict = rule == "block"
                    ? verify_block(tokens.data(), n, *target, draft.get(), accept.data(), sample.data())
                    : verify_rejection(tokens.data(), n, *target, draft.get(), epsilon, accept.data(), sample.data());
    } else {
      reject("a rule that has a native twin", "rule", info[0]);
    }
    Napi::Float64Array result = Napi::Float64Array::New(env, verdict.accepted.size() + 3);
    result[0] = verdict.next_token;
    result[1] = verdict.bonus ? 1 : 0;
    result[2] = verdict.bias;
    std::copy(verdict.accepted.begin(), verdict.accepted.end(), result.Data() + 3);
    return result;
  });
}

}  // namespace outrider
