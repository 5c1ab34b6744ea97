// Work on several threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <exception>

namespace svct {

// Calls body(data) on this thread and others, and returns when all have: on the OpenMP team that torch works with, or, where
// there is none, on `helpers` threads that live as long as the call.
//
// A team waits for its next work spinning. Threads beside it would share their cores with those.
void run_team(int threads, int helpers, void (*body)(void*), void* data);

// Runs work(0) ... work(count - 1) on up to `threads` threads.
template <class Work>
void spread(int count, int threads, const Work& work) {
    std::atomic<int> next{0};
    std::atomic<bool> failed{false};
    std::exception_ptr failure;
    auto drain = [&] {  // lets no exception out: other threads than the caller's have nobody to catch it
        try {
            for (int i = next++; i < count; i = next++) work(i);
        } catch (...) {
            if (!failed.exchange(true)) failure = std::current_exception();
        }
    };
    if (count < 2 || threads < 2) drain();
    else run_team(threads, std::min(threads, count) - 1, [](void* data) { (*static_cast<decltype(drain)*>(data))(); }, &drain);
    if (failure) std::rethrow_exception(failure);
}

// One of `threads` for few interpolations. A larger team is woken whole: OpenMP ends the threads that a smaller one leaves out.
inline int worth_waking(double interpolations, int threads) { return interpolations < 200e3 ? 1 : threads; }

}  // namespace svct
