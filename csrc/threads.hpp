// Work on several threads that live as long as the call.
#pragma once

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace svct {

// Runs work(0) ... work(count - 1) on up to `threads` threads that live as long as this call: nothing spins while it waits,
// and nothing is left over for a forked child to miss.
template <class Work>
void spread(int count, int threads, const Work& work) {
    std::atomic<int> next{0};
    auto drain = [&] {
        for (int i = next++; i < count; i = next++) work(i);
    };
    std::vector<std::jthread> helpers;
    for (int t = 1; t < std::min(threads, count); ++t) helpers.emplace_back(drain);
    drain();
}

// How many of `threads` are worth waking for so many interpolations.
inline int worth_waking(double interpolations, int threads) {
    return std::clamp(int(interpolations / 400e3), 1, threads);
}

}  // namespace svct
