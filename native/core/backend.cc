#include "core/backend.h"

#include <mutex>
#include <set>

#include "core/log.h"
#include "llama.h"

namespace outrider {

namespace {

const char* type_name(enum ggml_backend_dev_type type) {
  switch (type) {
    case GGML_BACKEND_DEVICE_TYPE_CPU:
      return "cpu";
    case GGML_BACKEND_DEVICE_TYPE_GPU:
      return "gpu";
    case GGML_BACKEND_DEVICE_TYPE_IGPU:
      return "igpu";
    default:
      return "accelerator";
  }
}

}  // namespace

void init_backends() {
  static std::once_flag once;
  std::call_once(once, [] {
    install_log_handler();
    llama_backend_init();
  });
}

Status load_backend_plugin(const std::string& path) {
  static std::mutex mutex;
  static std::set<std::string> loaded;
  std::lock_guard<std::mutex> lock(mutex);
  if (loaded.count(path) > 0) return {};
  clear_thread_errors();
  if (ggml_backend_load(path.c_str()) == nullptr) {
    return Status::error(StatusCode::kPlugin,
                         "Backend plugin " + path + " could not be loaded: " + take_thread_errors());
  }
  loaded.insert(path);
  return {};
}

std::vector<DeviceInfo> list_devices() {
  std::vector<DeviceInfo> devices;
  for (size_t i = 0; i < ggml_backend_dev_count(); i++) {
    ggml_backend_dev_t device = ggml_backend_dev_get(i);
    DeviceInfo info;
    info.name = ggml_backend_dev_name(device);
    info.description = ggml_backend_dev_description(device);
    info.backend = ggml_backend_reg_name(ggml_backend_dev_backend_reg(device));
    info.type = type_name(ggml_backend_dev_type(device));
    size_t free_bytes = 0;
    size_t total_bytes = 0;
    ggml_backend_dev_memory(device, &free_bytes, &total_bytes);
    info.free_bytes = free_bytes;
    info.total_bytes = total_bytes;
    devices.push_back(info);
  }
  return devices;
}

std::vector<ggml_backend_dev_t> gpu_devices() {
  std::vector<ggml_backend_dev_t> devices;
  for (size_t i = 0; i < ggml_backend_dev_count(); i++) {
    ggml_backend_dev_t device = ggml_backend_dev_get(i);
    const auto type = ggml_backend_dev_type(device);
    if (type == GGML_BACKEND_DEVICE_TYPE_GPU || type == GGML_BACKEND_DEVICE_TYPE_IGPU) devices.push_back(device);
  }
  return devices;
}

}  // namespace outrider
