// How much memory a model and a context would take, without taking it.
#pragma once

#include <string>
#include <vector>

#include "core/context.h"
#include "core/model.h"
#include "core/status.h"

namespace outrider {

struct DeviceMemory {
  std::string device;  // "CPU" for host memory
  uint64_t model_bytes = 0;
  uint64_t context_bytes = 0;
  uint64_t compute_bytes = 0;
};

// Loads metadata only and simulates the allocations of llama.cpp, per device.
Status estimate_memory(const std::string& path, const ModelOptions& model_options,
                       const ContextOptions& context_options, std::vector<DeviceMemory>& devices, int32_t& n_layers);

}  // namespace outrider
