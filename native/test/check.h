// Test cases and checks. A failed check prints where it stands and lets the case go on.
#pragma once

#include <cstdio>
#include <functional>
#include <string>
#include <vector>

namespace outrider::test {

struct Case {
  const char* name;
  std::function<void()> body;
};

inline std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

inline int& n_failures() {
  static int count = 0;
  return count;
}

inline void check(bool holds, const char* expression, const char* file, int line) {
  if (holds) return;
  n_failures()++;
  std::fprintf(stderr, "%s:%d: %s does not hold\n", file, line, expression);
}

struct Register {
  Register(const char* name, std::function<void()> body) { cases().push_back({name, std::move(body)}); }
};

}  // namespace outrider::test

#define OUTRIDER_JOIN_(a, b) a##b
#define OUTRIDER_JOIN(a, b) OUTRIDER_JOIN_(a, b)
#define CHECK(...) outrider::test::check((__VA_ARGS__), #__VA_ARGS__, __FILE__, __LINE__)
#define TEST(name)                                                                                                  \
  static void OUTRIDER_JOIN(case_, __LINE__)();                                                                     \
  static const outrider::test::Register OUTRIDER_JOIN(case_entry_, __LINE__)(name, OUTRIDER_JOIN(case_, __LINE__)); \
  static void OUTRIDER_JOIN(case_, __LINE__)()
