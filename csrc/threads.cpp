#include "threads.hpp"

#include <dlfcn.h>
#include <pthread.h>

#include <thread>
#include <vector>

namespace svct {
namespace {

// How compiled code enters a parallel region of GCC's OpenMP; Intel's and LLVM's offer it too. Looking it up takes the library
// that the process has, which for torch's wheels is a copy of its own, and links to none.
using Enter = void (*)(void (*)(void*), void*, unsigned threads, unsigned flags);

// A forked child has no team, but OpenMP believes it has.
bool forked = false;
[[maybe_unused]] const int watching = pthread_atfork(nullptr, nullptr, [] { forked = true; });

}  // namespace

void run_team(int threads, int helpers, void (*body)(void*), void* data) {
    static const auto enter = reinterpret_cast<Enter>(dlsym(RTLD_DEFAULT, "GOMP_parallel"));
    if (enter && !forked) return enter(body, data, threads, 0);
    std::vector<std::jthread> started;
    for (int i = 0; i < helpers; ++i) started.emplace_back(body, data);
    body(data);
}

}  // namespace svct
