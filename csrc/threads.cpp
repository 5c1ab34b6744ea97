#include "threads.hpp"

#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace svct {
namespace {

using Clock = std::chrono::steady_clock;

// How compiled code enters a parallel region of GCC's OpenMP; Intel's and LLVM's offer it too. Looking it up takes the library
// that the process has, which for torch's wheels is a copy of its own, and links to none.
using Enter = void (*)(void (*)(void*), void*, unsigned threads, unsigned flags);

// A forked child has no team, but OpenMP believes it has.
bool forked = false;
[[maybe_unused]] const int watching = pthread_atfork(nullptr, nullptr, [] { forked = true; });

// A team ends with its slowest thread. One that waited spinning is the first to lose its core to other processes, and holds
// up the rest for milliseconds, where a fresh thread gets a core at once: after such a wait so many regions do without a team.
constexpr auto held_up = std::chrono::milliseconds(2);
constexpr int regions_aside = 200;
std::atomic<int> aside{0};

void enter_team(Enter enter, int threads, void (*body)(void*), void* data) {
    struct Job {
        void (*body)(void*);
        void* data;
        std::thread::id caller;
        Clock::time_point done;
    } job{body, data, std::this_thread::get_id(), {}};
    const auto run = [](void* p) {
        Job& job = *static_cast<Job*>(p);
        job.body(job.data);
        if (std::this_thread::get_id() == job.caller) job.done = Clock::now();
    };
    enter(run, &job, threads, 0);
    if (Clock::now() - job.done > held_up) aside = regions_aside;
}

}  // namespace

void run_team(int threads, int helpers, void (*body)(void*), void* data) {
    static const auto enter = reinterpret_cast<Enter>(dlsym(RTLD_DEFAULT, "GOMP_parallel"));
    if (enter && !forked && aside.load() <= 0) return enter_team(enter, threads, body, data);
    --aside;
    std::vector<std::jthread> started;
    for (int i = 0; i < helpers; ++i) started.emplace_back(body, data);
    body(data);
}

}  // namespace svct
