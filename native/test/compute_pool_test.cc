#include "core/compute_pool.h"

#include <atomic>
#include <chrono>
#include <future>
#include <vector>

#include "test/check.h"

namespace outrider {

namespace {

constexpr int kTasks = 200;

TEST("tasks run one after the other in the order they were posted") {
  ComputePool pool(2);
  std::vector<int> order;
  std::atomic<int> n_running{0};
  bool is_alone = true;
  std::promise<void> done;
  for (int i = 0; i < kTasks; i++) {
    pool.post([&, i] {
      is_alone = is_alone && n_running.fetch_add(1) == 0;
      order.push_back(i);
      n_running.fetch_sub(1);
      if (i == kTasks - 1) done.set_value();
    });
  }
  done.get_future().wait();
  CHECK(is_alone);
  CHECK(order.size() == kTasks);
  for (size_t i = 0; i < order.size(); i++) CHECK(order[i] == static_cast<int>(i));
}

TEST("tasks run off the thread that posts them") {
  ComputePool pool(1);
  std::promise<std::thread::id> worker;
  pool.post([&] { worker.set_value(std::this_thread::get_id()); });
  CHECK(worker.get_future().get() != std::this_thread::get_id());
}

TEST("a pool that is destroyed while tasks are queued runs them first") {
  int n_done = 0;
  {
    ComputePool pool(1);
    pool.post([] { std::this_thread::sleep_for(std::chrono::milliseconds(50)); });
    for (int i = 0; i < kTasks; i++) pool.post([&] { n_done++; });
  }
  CHECK(n_done == kTasks);
}

TEST("a task may hold the last reference to its own pool") {
  auto pool = std::make_shared<ComputePool>(1);
  const std::weak_ptr<ComputePool> observer = pool;
  std::promise<void> posted;
  std::promise<void> destroyed;
  ComputePool* posting = pool.get();
  posting->post([owner = std::move(pool), &posted, &destroyed]() mutable {
    posted.get_future().wait();
    owner.reset();
    destroyed.set_value();
  });
  posted.set_value();
  destroyed.get_future().wait();
  CHECK(observer.expired());
}

TEST("the number of threads is brought into range") {
  CHECK(ComputePool(0).n_threads() == 1);
  CHECK(ComputePool(-3).n_threads() == 1);
  CHECK(ComputePool(2).n_threads() == 2);
}

}  // namespace

}  // namespace outrider
