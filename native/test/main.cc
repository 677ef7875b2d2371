// Runs every case that its executable was linked with.
#include <cstdlib>

#include "core/backend.h"
#include "test/check.h"

namespace {

constexpr int kSkipped = 77;

}  // namespace

int main() {
  if (std::getenv("OUTRIDER_TEST_GPU") != nullptr && outrider::gpu_devices().empty()) {
    std::printf("skipped: this build has no GPU\n");
    return kSkipped;
  }
  for (const auto& entry : outrider::test::cases()) {
    const int before = outrider::test::n_failures();
    entry.body();
    std::printf("%s %s\n", outrider::test::n_failures() == before ? "ok    " : "FAILED", entry.name);
  }
  return outrider::test::n_failures() == 0 && !outrider::test::cases().empty() ? 0 : 1;
}
