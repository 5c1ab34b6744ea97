#include "projector.hpp"

#include <algorithm>

#include "buffer.hpp"
#include "dispatch.hpp"
#include "joseph.hpp"
#include "threads.hpp"

namespace svct {
namespace {

const ForwardKernels& forward_kernels() { return SVCT_KERNELS(forward_kernels); }
const AdjointKernels& adjoint_kernels() { return SVCT_KERNELS(adjoint_kernels); }

constexpr int tile = 32;  // images are copied in tiles, so that neither side of a transposition misses the cache

struct Stage {  // the working copy of up to `lanes` images, as lines of each axis that the rays use
    int height, width, interleave;
    bool used[2] = {false, false};
    Buffer store[2];
    Lines lines[2];

    Stage(const GridSpec& grid, const std::vector<Run>& runs, int interleave)
        : height(grid.height), width(grid.width), interleave(interleave) {
        for (const Run& run : runs) used[run.axis] = true;
        for (int axis = 0; axis < 2; ++axis) {
            const int count = axis == 0 ? height : width, length = axis == 0 ? width : height;
            lines[axis] = {nullptr, count, length, length + 2 * pad};
            if (!used[axis]) continue;
            store[axis] = Buffer(std::size_t(count) * (length + 2 * pad) * interleave);
            lines[axis].data = store[axis].get();
        }
    }

    float* at(int axis, int row, int col) const {
        const Lines& l = lines[axis];
        const int r = axis == 0 ? row : col, p = axis == 0 ? col : row;
        return l.data + (std::size_t(r) * l.stride + pad + p) * interleave;
    }

    void clear(int axis, int first, int last) const {
        const std::size_t line = std::size_t(lines[axis].stride) * interleave;
        std::fill_n(lines[axis].data + first * line, (last - first) * line, 0.0f);
    }

    void clear_padding(int axis) const {
        const Lines& l = lines[axis];
        for (int r = 0; r < l.count; ++r) {
            float* line = l.data + std::size_t(r) * l.stride * interleave;
            std::fill_n(line, pad * interleave, 0.0f);
            std::fill_n(line + std::size_t(pad + l.length) * interleave, pad * interleave, 0.0f);
        }
    }

    // Calls work(first row, last row, first column, last column) for all tiles.
    template <class Work>
    void for_tiles(int threads, const Work& work) const {
        const int across = (width + tile - 1) / tile, down = (height + tile - 1) / tile;
        spread(across * down, threads, [&](int t) {
            const int row = t / across * tile, col = t % across * tile;
            work(row, std::min(row + tile, height), col, std::min(col + tile, width));
        });
    }

    void copy_from(const float* images, int count, int threads) const {
        const std::size_t pixels = std::size_t(height) * width;
        for (int axis = 0; axis < 2; ++axis)
            if (used[axis]) clear_padding(axis);
        for_tiles(threads, [&](int row0, int row1, int col0, int col1) {
            for (int axis = 0; axis < 2; ++axis) {
                if (!used[axis]) continue;
                const std::size_t step = (axis == 0 ? 1 : lines[1].stride) * std::size_t(interleave);
                for (int row = row0; row < row1; ++row)
                    for (int b = 0; b < count; ++b) {
                        const float* source = images + b * pixels + std::size_t(row) * width;
                        float* line = at(axis, row, col0) + b;
                        for (int col = col0; col < col1; ++col) line[(col - col0) * step] = source[col];
                    }
            }
        });
    }

    void copy_to(float* images, int count, int threads) const {
        const std::size_t pixels = std::size_t(height) * width;
        for_tiles(threads, [&](int row0, int row1, int col0, int col1) {
            for (int row = row0; row < row1; ++row)
                for (int b = 0; b < count; ++b) {
                    float* target = images + b * pixels + std::size_t(row) * width;
                    for (int axis = 0; axis < 2; ++axis) {
                        if (!used[axis]) continue;
                        const std::size_t step = (axis == 0 ? 1 : lines[1].stride) * std::size_t(interleave);
                        const float* line = at(axis, row, col0) + b;
                        const bool add = axis == 1 && used[0];
                        for (int col = col0; col < col1; ++col)
                            target[col] = (add ? target[col] : 0.0f) + line[(col - col0) * step];
                    }
                }
        });
    }
};

constexpr int small_batch = 5;  // up to this many images, one at a time is faster than a padded batch

int next_group(int remaining) { return remaining > small_batch ? std::min(remaining, lanes) : 1; }

RayTable table(const Rays& rays) {
    return {rays.views, rays.bins, rays.beam, rays.voxel_mm, rays.centre.get() + pad, rays.slope.get() + pad,
            rays.width.get() + pad, rays.width_slope.get() + pad};
}

}  // namespace

void project(const float* x, float* y, int batch, const Rays& rays, const GridSpec& grid, int threads) {
    threads = worth_waking(double(batch) * rays.views * rays.bins * std::max(grid.height, grid.width), threads);
    const RayTable ray_table = table(rays);
    const std::size_t pixels = std::size_t(grid.height) * grid.width, samples = std::size_t(rays.views) * rays.bins;
    const int run_count = int(rays.runs.size());

    for (int done = 0, group; done < batch; done += group) {
        group = next_group(batch - done);
        const int interleave = group == 1 ? 1 : lanes;
        const Stage stage(grid, rays.runs, interleave);
        const float* source = x + done * pixels;
        float* target = y + done * samples;
        stage.copy_from(source, group, threads);
        if (group == 1) {
            constexpr int chunk = 4 * lanes;
            const int chunks = (rays.bins + chunk - 1) / chunk;
            spread(run_count * chunks, threads, [&](int i) {
                const Run& run = rays.runs[i / chunks];
                const int first = run.first + i % chunks * chunk;
                if (first >= run.last) return;
                forward_kernels().forward(ray_table, run, stage.lines[run.axis], first, std::min(first + chunk, run.last), target);
            });
        } else {
            // A few runs go through the image together, band after band, while the band is in the second-level cache.
            const int together = std::clamp(run_count / threads, 1, 12), band = 24;
            spread((run_count + together - 1) / together, threads, [&](int i) {
                const Run* runs = rays.runs.data() + i * together;
                const int count = std::min(together, run_count - i * together);
                const std::size_t stride = std::size_t(rays.bins) * lanes;
                const Buffer sums(count * stride), lengths(rays.bins);
                std::fill_n(sums.get(), count * stride, 0.0f);
                for (int line = 0; line < std::max(grid.height, grid.width); line += band)
                    for (int k = 0; k < count; ++k)
                        forward_kernels().forward_batch(ray_table, runs[k], stage.lines[runs[k].axis], line, line + band,
                                                sums.get() + k * stride);
                for (int k = 0; k < count; ++k) {
                    const std::size_t view = std::size_t(runs[k].view) * rays.bins;
                    forward_kernels().lengths(ray_table, runs[k].view, lengths.get());
                    for (int b = 0; b < group; ++b)
                        for (int j = runs[k].first; j < runs[k].last; ++j)
                            target[b * samples + view + j] =
                                sums.get()[k * stride + std::size_t(j) * lanes + b] * lengths.get()[j];
                }
            });
        }
    }
}

void backproject(const float* y, float* x, int batch, const Rays& rays, const GridSpec& grid, int threads) {
    threads = worth_waking(double(batch) * rays.views * rays.bins * std::max(grid.height, grid.width), threads);
    const RayTable ray_table = table(rays);
    const std::size_t pixels = std::size_t(grid.height) * grid.width, samples = std::size_t(rays.views) * rays.bins;
    const std::size_t view_stride = rays.bins + 2 * pad;
    std::vector<Run> runs[2];
    for (const Run& run : rays.runs) runs[run.axis].push_back(run);

    for (int done = 0, group; done < batch; done += group) {
        group = next_group(batch - done);
        const int interleave = group == 1 ? 1 : lanes;
        const Stage stage(grid, rays.runs, interleave);
        const Buffer scaled(rays.views * view_stride * interleave);
        const float* source = y + done * samples;
        spread(rays.views, threads, [&](int v) {
            float* row = scaled.get() + v * view_stride * interleave;
            std::fill_n(row, pad * interleave, 0.0f);
            std::fill_n(row + (pad + rays.bins) * interleave, pad * interleave, 0.0f);
            float* out = row + pad * interleave;
            const Buffer lengths(rays.bins);
            forward_kernels().lengths(ray_table, v, lengths.get());
            for (int b = 0; b < group; ++b) {
                const float* data = source + b * samples + std::size_t(v) * rays.bins;
                for (int j = 0; j < rays.bins; ++j) out[std::size_t(j) * interleave + b] = data[j] * lengths.get()[j];
            }
            for (int b = group; b < interleave; ++b)
                for (int j = 0; j < rays.bins; ++j) out[std::size_t(j) * interleave + b] = 0.0f;
        });
        // A band of lines takes the views in blocks that fit the second-level cache, and under each block its tiles, which
        // fit the first.
        constexpr int band = 32, block = 8;
        const int wide = group == 1 ? 512 : lanes;
        const int views_at_once = std::max(1, int((512 << 10) / (view_stride * interleave * sizeof(float))));
        for (int axis = 0; axis < 2; ++axis) {
            if (!stage.used[axis]) continue;
            const Lines& lines = stage.lines[axis];
            const auto kernel = group == 1 ? adjoint_kernels().adjoint : adjoint_kernels().adjoint_batch;
            const int run_count = int(runs[axis].size());
            spread((lines.count + band - 1) / band, threads, [&](int i) {
                const int end = std::min((i + 1) * band, lines.count);
                stage.clear(axis, i * band, end);
                for (int k = 0; k < run_count; k += views_at_once)
                    for (int line = i * band; line < end; line += block)
                        for (int first = 0; first < lines.length; first += wide) {
                            const int last = std::min(first + wide, (lines.length + lanes - 1) / lanes * lanes);
                            const Tile piece{line, std::min(line + block, end), first, last};
                            kernel(ray_table, runs[axis].data() + k, std::min(views_at_once, run_count - k), lines, piece,
                                   scaled.get());
                        }
            });
        }
        stage.copy_to(x + done * pixels, group, threads);
    }
}

}  // namespace svct
