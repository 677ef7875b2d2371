#include "core/gguf_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "core/log.h"
#include "ggml.h"
#include "gguf.h"

namespace outrider {

namespace {

constexpr size_t kMaxMetadataText = 8192;

struct FileCloser {
  void operator()(FILE* file) const { std::fclose(file); }
};
struct GgufFreer {
  void operator()(gguf_context* context) const { gguf_free(context); }
};
struct GgmlFreer {
  void operator()(ggml_context* context) const { ggml_free(context); }
};

Status invalid(const std::string& path, const std::string& why) {
  return Status::error(StatusCode::kModelInvalid, path + " is not a usable GGUF file: " + why + ".");
}

// Checks existence, size and magic; leaves the size in `bytes`.
Status check_magic(const std::string& path, uint64_t& bytes) {
  std::unique_ptr<FILE, FileCloser> file(std::fopen(path.c_str(), "rb"));
  if (!file) {
    return Status::error(StatusCode::kModelNotFound,
                         "Model file " + path + " could not be opened: " + std::strerror(errno) + ". Check the path.");
  }
  char magic[4] = {};
  const size_t count = std::fread(magic, 1, sizeof(magic), file.get());
  if (count == 0 && std::ferror(file.get()) != 0) {
    return Status::error(StatusCode::kModelNotFound, "Model file " + path + " could not be read. Is it a folder?");
  }
  if (count == 0) return invalid(path, "it is empty");
  if (count < sizeof(magic) || std::memcmp(magic, "GGUF", 4) != 0) {
    return invalid(path, "it does not begin with the magic 'GGUF'");
  }
#ifdef _WIN32
  if (_fseeki64(file.get(), 0, SEEK_END) != 0) return invalid(path, "its size cannot be read");
  bytes = static_cast<uint64_t>(_ftelli64(file.get()));
#else
  if (fseeko(file.get(), 0, SEEK_END) != 0) return invalid(path, "its size cannot be read");
  bytes = static_cast<uint64_t>(ftello(file.get()));
#endif
  return {};
}

std::string scalar_text(const void* data, gguf_type type) {
  const auto read = [data](auto value) {
    std::memcpy(&value, data, sizeof(value));
    return std::to_string(value);
  };
  switch (type) {
    case GGUF_TYPE_UINT8:
      return read(uint8_t{});
    case GGUF_TYPE_INT8:
      return read(int8_t{});
    case GGUF_TYPE_UINT16:
      return read(uint16_t{});
    case GGUF_TYPE_INT16:
      return read(int16_t{});
    case GGUF_TYPE_UINT32:
      return read(uint32_t{});
    case GGUF_TYPE_INT32:
      return read(int32_t{});
    case GGUF_TYPE_FLOAT32: {
      float value = 0;
      std::memcpy(&value, data, sizeof(value));
      char text[32];
      std::snprintf(text, sizeof(text), "%.9g", static_cast<double>(value));
      return text;
    }
    case GGUF_TYPE_BOOL:
      return *static_cast<const int8_t*>(data) != 0 ? "true" : "false";
    case GGUF_TYPE_UINT64:
      return read(uint64_t{});
    case GGUF_TYPE_INT64:
      return read(int64_t{});
    case GGUF_TYPE_FLOAT64:
      return read(double{});
    default:
      return "";
  }
}

std::string metadata_text(const gguf_context* gguf, int64_t id) {
  const gguf_type type = gguf_get_kv_type(gguf, id);
  if (type == GGUF_TYPE_STRING) {
    std::string text = gguf_get_val_str(gguf, id);
    if (text.size() > kMaxMetadataText) text.resize(kMaxMetadataText);
    return text;
  }
  if (type == GGUF_TYPE_ARRAY) {
    return "[" + std::string(gguf_type_name(gguf_get_arr_type(gguf, id))) + " x " +
           std::to_string(gguf_get_arr_n(gguf, id)) + "]";
  }
  return scalar_text(gguf_get_val_data(gguf, id), type);
}

bool ends_with(const std::string& text, const char* suffix) {
  const size_t length = std::strlen(suffix);
  return text.size() >= length && text.compare(text.size() - length, length, suffix) == 0;
}

// Types whose matrix products or element-wise use end in an abort inside ggml.
std::string unusable_type(const GgufTensor& tensor) {
  const bool is_weight = ends_with(tensor.name, ".weight") || ends_with(tensor.name, ".bias");
  const std::string& type = tensor.type;
  if (type == "f64") return "matrices of 64-bit floats cannot be multiplied";
  if (is_weight && (type == "i8" || type == "i16" || type == "i64")) return "integer weights cannot be multiplied";
  const bool is_vector = tensor.shape.size() == 1;
  if (is_weight && is_vector && type != "f32" && type != "f16" && type != "bf16") {
    return "vectors must be f32, f16 or bf16";
  }
  const bool is_router = tensor.name.find("ffn_gate_inp") != std::string::npos;
  if (is_router && type.rfind("i", 0) == 0 && type.rfind("iq", 0) != 0) return "routers must be floating point";
  return "";
}

}  // namespace

Status read_gguf_header(const std::string& path, GgufHeader& header) {
  Status status = check_magic(path, header.file_bytes);
  if (!status.ok()) return status;
  install_log_handler();
  clear_thread_errors();
  ggml_context* tensors_raw = nullptr;
  gguf_init_params params{};
  params.no_alloc = true;
  params.ctx = &tensors_raw;
  std::unique_ptr<gguf_context, GgufFreer> gguf(gguf_init_from_file(path.c_str(), params));
  std::unique_ptr<ggml_context, GgmlFreer> tensors(tensors_raw);
  if (!gguf) {
    std::string why = take_thread_errors();
    return invalid(path, "its header is damaged or cut off" + (why.empty() ? "" : " (" + why + ")"));
  }
  header.version = gguf_get_version(gguf.get());
  for (int64_t i = 0; i < gguf_get_n_kv(gguf.get()); i++) {
    header.metadata.emplace_back(gguf_get_key(gguf.get(), i), metadata_text(gguf.get(), i));
    if (header.metadata.back().first == "general.architecture") header.architecture = header.metadata.back().second;
  }
  const uint64_t data_offset = gguf_get_data_offset(gguf.get());
  for (int64_t i = 0; i < gguf_get_n_tensors(gguf.get()); i++) {
    GgufTensor tensor;
    tensor.name = gguf_get_tensor_name(gguf.get(), i);
    tensor.type = ggml_type_name(gguf_get_tensor_type(gguf.get(), i));
    tensor.bytes = gguf_get_tensor_size(gguf.get(), i);
    const int64_t* shape = gguf_get_tensor_ne(gguf.get(), i);
    int dims = GGML_MAX_DIMS;
    while (dims > 1 && shape[dims - 1] == 1) dims--;
    tensor.shape.assign(shape, shape + dims);
    const uint64_t end = data_offset + gguf_get_tensor_offset(gguf.get(), i) + tensor.bytes;
    if (end > header.file_bytes) {
      return invalid(path, "it is cut off: tensor " + tensor.name + " ends at byte " + std::to_string(end) +
                               " but the file has " + std::to_string(header.file_bytes) + " bytes");
    }
    header.tensors.push_back(std::move(tensor));
  }
  return {};
}

Status check_gguf_loadable(const std::string& path, const GgufHeader& header) {
  if (header.architecture.empty()) return invalid(path, "its metadata names no general.architecture");
  if (header.tensors.empty()) {
    return Status::error(StatusCode::kModelUnsupported,
                         path + " holds a vocabulary but no weights. Use a GGUF file of the whole model.");
  }
  for (const GgufTensor& tensor : header.tensors) {
    const std::string why = unusable_type(tensor);
    if (!why.empty()) {
      return Status::error(StatusCode::kModelUnsupported, path + ": tensor " + tensor.name + " has the type " +
                                                              tensor.type + ", but " + why +
                                                              ". Convert the model again.");
    }
  }
  return {};
}

}  // namespace outrider
