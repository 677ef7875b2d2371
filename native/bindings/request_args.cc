#include "bindings/request_args.h"

#include <algorithm>

#include "bindings/args.h"
#include "bindings/sampler_binding.h"

namespace outrider {

namespace {

Draws draws_arg(const Napi::Value& value) {
  const std::string text = string_arg(value, "draws");
  if (text == "top") return Draws::kTop;
  if (text == "withReplacement") return Draws::kWithReplacement;
  if (text == "withoutReplacement") return Draws::kWithoutReplacement;
  if (text == "topThenSampled") return Draws::kTopThenSampled;
  reject("top, withReplacement, withoutReplacement or topThenSampled", "draws", value);
}

GrowthRule growth_rule_arg(const Napi::Value& value) {
  const std::string text = string_arg(value, "rule");
  if (text == "fixed") return GrowthRule::kFixed;
  if (text == "calibrated") return GrowthRule::kCalibrated;
  if (text == "dyspec") return GrowthRule::kDySpec;
  if (text == "eagle-2") return GrowthRule::kEagle2;
  reject("fixed, calibrated, dyspec or eagle-2", "rule", value);
}

std::vector<float> floats_arg(const Napi::Value& value, const char* name) {
  if (value.IsUndefined()) return {};
  const std::vector<double> numbers = float64_array_arg(value, name);
  return {numbers.begin(), numbers.end()};
}

SparsePlan sparse_plan_arg(const Napi::Value& value) {
  SparsePlan plan;
  if (value.IsUndefined()) return plan;
  const Napi::Object object = object_arg(value, "sparse");
  plan.n_attended = int_arg(object.Get("numAttended"), "numAttended");
  plan.block_size = int_arg(object.Get("blockSize"), "blockSize");
  plan.n_sink = int_arg(object.Get("numSink"), "numSink");
  plan.n_local = int_arg(object.Get("numLocal"), "numLocal");
  const Napi::Value anchors = object.Get("anchors");
  if (!anchors.IsUndefined()) plan.anchors = int32_array_arg(anchors, "anchors");
  plan.keeps_choice = bool_arg(object.Get("keepsChoice"), "keepsChoice");
  plan.n_skipped = int_arg(object.Get("numSkipped"), "numSkipped");
  plan.skip_shares = floats_arg(object.Get("skipShares"), "skipShares");
  plan.lone_share = static_cast<float>(number_arg(object.Get("loneShare"), "loneShare"));
  plan.fills_places = bool_arg(object.Get("fillsPlaces"), "fillsPlaces");
  plan.ffn_thresholds = floats_arg(object.Get("ffnThresholds"), "ffnThresholds");
  plan.measures = !object.Get("thresholds").IsUndefined();
  plan.thresholds = floats_arg(object.Get("thresholds"), "thresholds");
  return plan;
}

}  // namespace

DecodeRequest decode_request_arg(const Napi::Value& value) {
  const Napi::Object object = object_arg(value, "request");
  DecodeRequest request;
  request.sequence = int_arg(object.Get("sequence"), "sequence");
  const Napi::Value commit = object.Get("commit");
  if (!commit.IsUndefined()) request.commit = int_arg(commit, "commit");
  request.n_past = int_arg(object.Get("numPast"), "numPast");
  request.tokens = int32_array_arg(object.Get("tokens"), "tokens");
  const Napi::Value parents = object.Get("parents");
  if (!parents.IsUndefined()) request.parents = int32_array_arg(parents, "parents");
  const Napi::Value outputs = object.Get("outputs");
  if (!outputs.IsUndefined()) request.outputs = int32_array_arg(outputs, "outputs");
  const Napi::Value limit = object.Get("vocabLimit");
  if (!limit.IsUndefined()) request.n_vocab_limit = int_arg(limit, "vocabLimit");
  const Napi::Value sampler = object.Get("sampler");
  if (!sampler.IsUndefined()) request.sampler = SamplerBinding::from(sampler);
  if (request.sampler == nullptr && !request.outputs.empty()) {
    throw ArgumentError("Expected a sampler for the rows in outputs but received undefined");
  }
  const Napi::Value keeps_logits = object.Get("keepsLogits");
  if (!keeps_logits.IsUndefined()) request.keeps_logits = bool_arg(keeps_logits, "keepsLogits");
  request.sparse = sparse_plan_arg(object.Get("sparse"));
  const Napi::Value history = object.Get("history");
  if (request.sampler && request.sampler->needs_history() && !history.IsUndefined()) {
    request.history = int32_array_arg(history, "history");
  }
  return request;
}

DraftRequest draft_request_arg(const Napi::Object& object) {
  DraftRequest request;
  request.prefix = decode_request_arg(object);
  request.n_draft = int_arg(object.Get("numDraft"), "numDraft");
  const Napi::Value uniforms = object.Get("uniforms");
  if (!uniforms.IsUndefined()) {
    request.uniforms = float64_array_arg(uniforms, "uniforms");
    if (request.uniforms.size() < static_cast<size_t>(std::max(request.n_draft, 0))) {
      throw ArgumentError("Expected a uniform for each drafted token");
    }
  }
  request.stop_at_end = bool_arg(object.Get("stopAtEnd"), "stopAtEnd");
  if (!request.prefix.sampler || request.n_draft < 1) {
    throw ArgumentError("Expected a sampler and at least one token to draft");
  }
  return request;
}

GrowRequest grow_request_arg(const Napi::Value& value) {
  const Napi::Object object = object_arg(value, "request");
  GrowRequest request;
  request.prefix = decode_request_arg(object);
  if (!request.prefix.sampler) throw ArgumentError("Expected a sampler to grow a tree");
  GrowthRules& rules = request.rules;
  rules.rule = growth_rule_arg(object.Get("rule"));
  rules.draws = draws_arg(object.Get("draws"));
  rules.n_nodes = int_arg(object.Get("numNodes"), "numNodes");
  rules.min_probability = number_arg(object.Get("minProbability"), "minProbability");
  const Napi::Value gain = object.Get("minLevelGain");
  if (!gain.IsUndefined()) rules.min_level_gain = number_arg(gain, "minLevelGain");
  const Napi::Value acceptance = object.Get("minAcceptance");
  if (!acceptance.IsUndefined()) rules.min_acceptance = number_arg(acceptance, "minAcceptance");
  request.max_leaves = int_arg(object.Get("maxLeaves"), "maxLeaves");
  rules.stop_at_end = bool_arg(object.Get("stopAtEnd"), "stopAtEnd");
  if (rules.rule == GrowthRule::kFixed) {
    rules.parents = int32_array_arg(object.Get("shape"), "shape");
    rules.n_nodes = static_cast<int32_t>(rules.parents.size());
    // Level order: parents come before their children and never fall.
    int32_t before = -1;
    for (size_t node = 0; node < rules.parents.size(); node++) {
      const int32_t parent = rules.parents[node];
      if (parent < before || parent >= static_cast<int32_t>(node))
        throw ArgumentError("Expected the parents of a shape level by level");
      before = parent;
    }
  } else if (rules.draws == Draws::kTopThenSampled) {
    throw ArgumentError("Expected a fixed shape for siblings drawn topThenSampled");
  } else if (rules.rule == GrowthRule::kCalibrated) {
    rules.knots = float64_array_arg(object.Get("knots"), "knots");
    rules.rates = float64_array_arg(object.Get("rates"), "rates");
    if (rules.knots.size() < 2 || rules.knots[0] != 0 || !(rules.knots[1] > 0))
      throw ArgumentError("Expected at least two knots, the first at 0");
    if (rules.rates.empty() || rules.rates.size() % rules.knots.size() != 0)
      throw ArgumentError("Expected rates for every knot");
  }
  if (rules.n_nodes < 1) throw ArgumentError("Expected at least one node to grow");
  if (rules.draws != Draws::kTop) {
    request.uniforms = float64_array_arg(object.Get("uniforms"), "uniforms");
    if (request.uniforms.size() < static_cast<size_t>(rules.n_nodes))
      throw ArgumentError("Expected a uniform for each node");
  }
  return request;
}

}  // namespace outrider
