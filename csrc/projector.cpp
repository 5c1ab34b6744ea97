#include "projector.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <thread>

#include "joseph.hpp"

namespace svct {
namespace {

const Kernels& choose_kernels() {
    const char* wish = std::getenv("SVCT_ISA");
    const std::string_view most = wish ? wish : "avx512";
#if defined(__x86_64__)
    __builtin_cpu_init();
    const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                            __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    if (most == "avx512" && has_avx512) return avx512::kernels;
    if (most != "baseline" && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return avx2::kernels;
#endif
    return baseline::kernels;
}

const Kernels& kernels() {
    static const Kernels& chosen = choose_kernels();
    return chosen;
}

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

struct Buffer {  // zeroed
    std::unique_ptr<float[], decltype(&std::free)> data{nullptr, &std::free};
    Buffer() = default;
    explicit Buffer(std::size_t count) : data(static_cast<float*>(std::calloc(count + lanes, sizeof(float))), &std::free) {
        if (!data) throw std::bad_alloc();
    }
};

struct Stage {  // the working copy of up to `lanes` images, as lines of each axis that the rays use
    int interleave;
    Buffer store[2];
    Lines lines[2];

    Stage(const GridSpec& grid, const bool* used, int interleave) : interleave(interleave) {
        for (int axis = 0; axis < 2; ++axis) {
            const int count = axis == 0 ? grid.height : grid.width, length = axis == 0 ? grid.width : grid.height;
            lines[axis] = {nullptr, count, length, length + 2 * pad};
            if (!used[axis]) continue;
            store[axis] = Buffer(std::size_t(count) * (length + 2 * pad) * interleave);
            lines[axis].data = store[axis].data.get();
        }
    }

    float* at(int axis, int row, int col) const {
        const Lines& l = lines[axis];
        const int r = axis == 0 ? row : col, p = axis == 0 ? col : row;
        return l.data + (std::size_t(r) * l.stride + pad + p) * interleave;
    }
};

constexpr int small_batch = 5;  // up to this many images, one at a time is faster than a padded batch

int next_group(int remaining) { return remaining > small_batch ? std::min(remaining, lanes) : 1; }

RayTable table(const Rays& rays) {
    return {rays.views, rays.bins, rays.divergent, rays.centre.data() + pad, rays.slope.data() + pad, rays.weight.data() + pad};
}

void find_axes(const Rays& rays, bool* used) {
    used[0] = used[1] = false;
    for (const Run& run : rays.runs) used[run.axis] = true;
}

constexpr int tile = 32;  // images are copied in tiles, so that neither side of a transposition misses the cache

template <class Copy>
void for_tiles(const GridSpec& grid, int threads, const Copy& copy) {
    const int across = (grid.width + tile - 1) / tile, down = (grid.height + tile - 1) / tile;
    spread(across * down, threads, [&](int t) {
        const int row0 = t / across * tile, col0 = t % across * tile;
        const int row1 = std::min(row0 + tile, grid.height), col1 = std::min(col0 + tile, grid.width);
        copy(row0, row1, col0, col1);
    });
}

}  // namespace

const char* instruction_set() { return kernels().name; }

void project(const float* x, float* y, int batch, const Rays& rays, const GridSpec& grid, int threads) {
    bool used[2];
    find_axes(rays, used);
    const RayTable ray_table = table(rays);
    const std::size_t pixels = std::size_t(grid.height) * grid.width, samples = std::size_t(rays.views) * rays.bins;
    const int run_count = int(rays.runs.size());

    for (int done = 0, group; done < batch; done += group) {
        group = next_group(batch - done);
        const int interleave = group == 1 ? 1 : lanes;
        const Stage stage(grid, used, interleave);
        const float* source = x + done * pixels;
        float* target = y + done * samples;
        for_tiles(grid, threads, [&](int row0, int row1, int col0, int col1) {
            for (int axis = 0; axis < 2; ++axis) {
                if (!used[axis]) continue;
                for (int row = row0; row < row1; ++row)
                    for (int col = col0; col < col1; ++col)
                        for (int b = 0; b < group; ++b)
                            stage.at(axis, row, col)[b] = source[b * pixels + std::size_t(row) * grid.width + col];
            }
        });
        if (group == 1) {
            constexpr int chunk = 4 * lanes;
            const int chunks = (rays.bins + chunk - 1) / chunk;
            spread(run_count * chunks, threads, [&](int i) {
                const Run& run = rays.runs[i / chunks];
                const int first = run.first + i % chunks * chunk;
                if (first >= run.last) return;
                kernels().forward(ray_table, run, stage.lines[run.axis], first, std::min(first + chunk, run.last), target);
            });
        } else {
            spread(run_count, threads, [&](int i) {
                const Run& run = rays.runs[i];
                thread_local std::vector<float> view;
                view.resize(std::size_t(rays.bins) * lanes);
                kernels().forward_batch(ray_table, run, stage.lines[run.axis], view.data());
                for (int b = 0; b < group; ++b) {
                    float* out = target + b * samples + std::size_t(run.view) * rays.bins;
                    for (int j = run.first; j < run.last; ++j) out[j] = view[std::size_t(j) * lanes + b];
                }
            });
        }
    }
}

void backproject(const float* y, float* x, int batch, const Rays& rays, const GridSpec& grid, int threads) {
    bool used[2];
    find_axes(rays, used);
    const RayTable ray_table = table(rays);
    const std::size_t pixels = std::size_t(grid.height) * grid.width, samples = std::size_t(rays.views) * rays.bins;
    const std::size_t view_stride = rays.bins + 2 * pad;
    std::vector<Run> runs[2];
    for (const Run& run : rays.runs) runs[run.axis].push_back(run);

    for (int done = 0, group; done < batch; done += group) {
        group = next_group(batch - done);
        const int interleave = group == 1 ? 1 : lanes;
        const Stage stage(grid, used, interleave);
        const Buffer scaled(rays.views * view_stride * interleave);
        const float* source = y + done * samples;
        spread(rays.views, threads, [&](int v) {
            float* out = scaled.data.get() + (v * view_stride + pad) * interleave;
            for (int b = 0; b < group; ++b)
                for (int j = 0; j < rays.bins; ++j) {
                    const std::size_t k = std::size_t(v) * rays.bins + j;
                    out[std::size_t(j) * interleave + b] = source[b * samples + k] * ray_table.weight[k];
                }
        });
        constexpr int block = 8;  // lines of a tile; with these sizes a tile stays in the first-level cache
        const int wide = group == 1 ? 64 : lanes;
        for (int axis = 0; axis < 2; ++axis) {
            if (!used[axis]) continue;
            const Lines& lines = stage.lines[axis];
            const int across = (lines.length + wide - 1) / wide, down = (lines.count + block - 1) / block;
            spread(across * down, threads, [&](int i) {
                const int line = i / across * block, first = i % across * wide;
                const int last = std::min(first + wide, (lines.length + lanes - 1) / lanes * lanes);
                const Tile tile_of_lines{line, std::min(line + block, lines.count), first, last};
                const auto kernel = group == 1 ? kernels().adjoint : kernels().adjoint_batch;
                kernel(ray_table, runs[axis].data(), int(runs[axis].size()), lines, tile_of_lines, scaled.data.get());
            });
        }
        float* target = x + done * pixels;
        for_tiles(grid, threads, [&](int row0, int row1, int col0, int col1) {
            for (int row = row0; row < row1; ++row)
                for (int col = col0; col < col1; ++col)
                    for (int b = 0; b < group; ++b) {
                        float sum = used[0] ? stage.at(0, row, col)[b] : 0.0f;
                        if (used[1]) sum += stage.at(1, row, col)[b];
                        target[b * pixels + std::size_t(row) * grid.width + col] = sum;
                    }
        });
    }
}

}  // namespace svct
