#include "buffer.hpp"

#include <pthread.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

namespace svct {
namespace {

constexpr std::size_t spare = 256;             // bytes behind the end that a full vector may touch
constexpr std::size_t kept_limit = 128 << 20;  // bytes kept between calls at most

struct Block {
    float* data;
    std::size_t bytes;
};

struct Pool {
    std::mutex mutex;
    std::vector<Block> idle, lent;
    std::size_t idle_bytes = 0;
};

// Never destroyed: a thread may still give back memory while the process ends. A fork waits until no thread holds the lock,
// so that the child finds it open.
Pool& pool() {
    static Pool& one = [] -> Pool& {
        static Pool* made = new Pool;
        pthread_atfork([] { made->mutex.lock(); }, [] { made->mutex.unlock(); }, [] { made->mutex.unlock(); });
        return *made;
    }();
    return one;
}

}  // namespace

float* borrow(std::size_t count) {
    const std::size_t bytes = (count * sizeof(float) + spare + 63) / 64 * 64;
    Pool& p = pool();
    const std::scoped_lock lock(p.mutex);
    auto best = p.idle.end();
    for (auto it = p.idle.begin(); it != p.idle.end(); ++it) {
        if (it->bytes >= bytes && it->bytes <= 2 * bytes && (best == p.idle.end() || it->bytes < best->bytes)) best = it;
    }
    if (best != p.idle.end()) {
        p.lent.push_back(*best);
        p.idle_bytes -= best->bytes;
        p.idle.erase(best);
    } else {
        float* data = static_cast<float*>(std::aligned_alloc(64, bytes));
        if (!data) throw std::bad_alloc();
        p.lent.push_back({data, bytes});
    }
    return p.lent.back().data;
}

void give_back(float* data) {
    Pool& p = pool();
    const std::scoped_lock lock(p.mutex);
    const auto it = std::find_if(p.lent.begin(), p.lent.end(), [&](const Block& b) { return b.data == data; });
    p.idle.push_back(*it);
    p.idle_bytes += it->bytes;
    p.lent.erase(it);
    while (p.idle_bytes > kept_limit) {
        p.idle_bytes -= p.idle.front().bytes;
        std::free(p.idle.front().data);
        p.idle.erase(p.idle.begin());
    }
}

}  // namespace svct
