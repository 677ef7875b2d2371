// Runs every case that its executable was linked with.
#include "test/check.h"

int main() {
  for (const auto& entry : outrider::test::cases()) {
    const int before = outrider::test::n_failures();
    entry.body();
    std::printf("%s %s\n", outrider::test::n_failures() == before ? "ok    " : "FAILED", entry.name);
  }
  return outrider::test::n_failures() == 0 && !outrider::test::cases().empty() ? 0 : 1;
}
