#include "core/memory_estimate.h"

#include <map>

#include "core/log.h"
#include "llama-ext.h"

namespace outrider {

Status estimate_memory(const std::string& path, const ModelOptions& model_options,
                       const ContextOptions& context_options, std::vector<DeviceMemory>& devices, int32_t& n_layers) {
  ModelOptions options = model_options;
  options.no_alloc = true;
  std::shared_ptr<Model> model;
  Status status = Model::load(path, options, nullptr, model);
  if (!status.ok()) return status;
  n_layers = llama_model_n_layer(model->get());
  auto pool = std::make_shared<ComputePool>(1);
  std::shared_ptr<Context> context;
  status = Context::create(model, pool, context_options, context);
  if (!status.ok()) return status;
  std::map<std::string, DeviceMemory> by_name;
  for (const auto& entry : llama_get_memory_breakdown(context->get())) {
    ggml_backend_dev_t device =
        ggml_backend_buft_is_host(entry.first) ? nullptr : ggml_backend_buft_get_device(entry.first);
    const std::string name = device == nullptr ? "CPU" : ggml_backend_dev_name(device);
    DeviceMemory& memory = by_name[name];
    memory.device = name;
    memory.model_bytes += entry.second.model;
    memory.context_bytes += entry.second.context;
    memory.compute_bytes += entry.second.compute;
  }
  for (const auto& entry : by_name) devices.push_back(entry.second);
  return {};
}

}  // namespace outrider
