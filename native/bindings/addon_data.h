// State of one JavaScript environment: class constructors, the completion queue, spare buffers.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "bindings/async_queue.h"
#include "core/compute_pool.h"
#include "core/context.h"
#include "sampling/rows.h"

namespace outrider {

struct AddonData {
  explicit AddonData(Napi::Env env) : queue(std::make_unique<AsyncQueue>(env)) {}

  // Stops what is running, so that nothing outlives the environment.
  void close() {
    for (const auto& weak : contexts) {
      if (const auto context = weak.lock()) context->abort();
    }
    for (const auto& stop : loads) stop->store(true);
    queue->close();
    if (log_sink != 0) remove_sink(log_sink);
    log_sink = 0;
  }

  std::shared_ptr<Rows> take_rows() {
    if (spare_rows.empty()) return std::make_shared<Rows>();
    std::shared_ptr<Rows> rows = std::move(spare_rows.back());
    spare_rows.pop_back();
    rows->clear();
    return rows;
  }
  void return_rows(std::shared_ptr<Rows> rows) {
    if (rows && spare_rows.size() < 4) spare_rows.push_back(std::move(rows));
  }
  // Loading, measuring and reading headers run here, one after the other.
  ComputePool& loader() {
    if (!loader_pool) loader_pool = std::make_shared<ComputePool>(1);
    return *loader_pool;
  }

  std::unique_ptr<AsyncQueue> queue;
  Napi::FunctionReference model_class;
  Napi::FunctionReference pool_class;
  Napi::FunctionReference sampler_class;
  Napi::FunctionReference context_class;
  Napi::FunctionReference rows_class;
  std::vector<std::weak_ptr<Context>> contexts;
  std::vector<std::shared_ptr<std::atomic<bool>>> loads;
  std::vector<std::shared_ptr<Rows>> spare_rows;
  std::shared_ptr<ComputePool> loader_pool;
  int log_sink = 0;
  void (*remove_sink)(int) = nullptr;
};

// The data of the environment a call came from.
inline AddonData& addon_data(Napi::Env env) { return *env.GetInstanceData<AddonData>(); }

}  // namespace outrider
