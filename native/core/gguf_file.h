// Reads and checks the header of a GGUF file before llama.cpp sees it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/status.h"

namespace outrider {

struct GgufTensor {
  std::string name;
  std::string type;
  std::vector<int64_t> shape;  // fastest dimension first
  uint64_t bytes = 0;
};

struct GgufHeader {
  uint32_t version = 0;
  uint64_t file_bytes = 0;
  std::string architecture;
  // Scalars as text, long strings and arrays as a summary "[type x count]".
  std::vector<std::pair<std::string, std::string>> metadata;
  std::vector<GgufTensor> tensors;
};

// Fails with kModelNotFound or kModelInvalid; the message names the file and what is wrong with it.
Status read_gguf_header(const std::string& path, GgufHeader& header);

// Refuses files that llama.cpp would abort on or that hold no weights.
Status check_gguf_loadable(const std::string& path, const GgufHeader& header);

}  // namespace outrider
