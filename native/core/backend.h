// Compute backends and their devices.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/status.h"
#include "ggml-backend.h"

namespace outrider {

struct DeviceInfo {
  std::string name;
  std::string description;
  std::string backend;
  std::string type;  // cpu | gpu | igpu | accelerator
  uint64_t free_bytes = 0;
  uint64_t total_bytes = 0;
};

// Initialises llama.cpp once per process.
void init_backends();

// Loads a ggml backend plugin by absolute path; a second load of the same path does nothing.
Status load_backend_plugin(const std::string& path);

std::vector<DeviceInfo> list_devices();

// GPU and integrated GPU devices in llama.cpp's order.
std::vector<ggml_backend_dev_t> gpu_devices();

}  // namespace outrider
