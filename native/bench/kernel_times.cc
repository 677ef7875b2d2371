// What the kernels of a program take on an NVIDIA GPU, between two signals: a library that CUDA loads into any program
// that CUDA_INJECTION64_PATH names it for. SIGUSR2 begins a part and ends it; at the end of the program stderr has a table.
#include <cuda.h>
#include <cupti.h>
#include <cxxabi.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace {

constexpr size_t kBufferBytes = 1 << 20;
constexpr size_t kMostMarks = 256;

struct Run {
  uint64_t start;  // nanoseconds
  uint64_t end;
  std::string name;
};

struct Total {
  uint64_t n_runs = 0;
  uint64_t nanoseconds = 0;
};

std::mutex runs_mutex;
std::vector<Run> runs;
std::atomic<size_t> n_marks{0};
uint64_t marks[kMostMarks];

// Without parameters of templates and functions, and without namespaces.
std::string base_name(const char* mangled) {
  int status = 0;
  char* demangled = abi::__cxa_demangle(mangled, nullptr, nullptr, &status);
  std::string name = status == 0 ? demangled : mangled;
  std::free(demangled);
  name = name.substr(0, name.find_first_of("<("));
  const size_t last = name.find_last_of(" :");
  return last == std::string::npos ? name : name.substr(last + 1);
}

void CUPTIAPI give_buffer(uint8_t** buffer, size_t* size, size_t* n_most) {
  *buffer = static_cast<uint8_t*>(std::aligned_alloc(8, kBufferBytes));
  *size = kBufferBytes;
  *n_most = 0;
}

void CUPTIAPI take_buffer(CUcontext, uint32_t, uint8_t* buffer, size_t, size_t n_valid) {
  const std::lock_guard<std::mutex> lock(runs_mutex);
  CUpti_Activity* record = nullptr;
  while (cuptiActivityGetNextRecord(buffer, n_valid, &record) == CUPTI_SUCCESS) {
    if (record->kind != CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL) continue;
    // Later versions of the record begin as this one does.
    const auto* kernel = reinterpret_cast<const CUpti_ActivityKernel9*>(record);
    runs.push_back({kernel->start, kernel->end, base_name(kernel->name)});
  }
  std::free(buffer);
}

void mark(int) {
  const size_t index = n_marks.fetch_add(1);
  if (index < kMostMarks) cuptiGetTimestamp(&marks[index]);
}

void report() {
  cuptiActivityFlushAll(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED);
  const std::lock_guard<std::mutex> lock(runs_mutex);
  std::fprintf(stderr, "part,kernel,runs,microseconds\n");
  for (size_t part = 0; 2 * part + 1 < n_marks && 2 * part + 1 < kMostMarks; part++) {
    std::map<std::string, Total> totals;
    for (const Run& run : runs) {
      if (run.start < marks[2 * part] || run.start >= marks[2 * part + 1]) continue;
      Total& total = totals[run.name];
      total.n_runs++;
      total.nanoseconds += run.end - run.start;
    }
    for (const auto& [name, total] : totals) {
      std::fprintf(stderr, "%zu,%s,%llu,%.1f\n", part, name.c_str(), static_cast<unsigned long long>(total.n_runs),
                   static_cast<double>(total.nanoseconds) / 1000.0);
    }
  }
}

}  // namespace

// Called by CUDA as it starts. 1: the library is in place.
extern "C" __attribute__((visibility("default"))) int InitializeInjection() {
  if (cuptiActivityRegisterCallbacks(give_buffer, take_buffer) != CUPTI_SUCCESS) return 0;
  if (cuptiActivityEnable(CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL) != CUPTI_SUCCESS) return 0;
  std::signal(SIGUSR2, mark);
  std::atexit(report);
  return 1;
}
