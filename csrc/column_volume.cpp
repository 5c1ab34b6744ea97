#include "column_volume.hpp"

#include <cmath>

#include "buffer.hpp"
#include "dispatch.hpp"

namespace svct {
namespace {

const ColumnKernels& kernels() { return SVCT_KERNELS(column_kernels); }

constexpr int margin = 16, behind = 64;  // spare floats around working rows, which a window may touch

int pad_up(int n) { return (n + lanes - 1) / lanes * lanes; }

// The working copy of a volume: z innermost, one fibre of zeros around the edges in x and y.
struct Fibres {
    int ny, nx, nz, depth;
    Buffer store;

    explicit Fibres(const VolumeSpec& v)
        : ny(v.size[1]), nx(v.size[2]), nz(v.size[0]), depth(pad_up(nz)), store(std::size_t(ny + 2) * (nx + 2) * depth) {}

    float* at(int y, int x) const { return store.get() + (std::size_t(y + 1) * (nx + 2) + x + 1) * depth; }

    Planes planes(int axis) const {
        const std::int64_t row = std::int64_t(nx + 2) * depth;
        return axis == 0 ? Planes{at(0, 0), row, depth, ny, nx, nz} : Planes{at(0, 0), depth, row, nx, ny, nz};
    }

    void clear(int threads) const {
        spread(ny + 2, threads, [&](int y) { std::fill_n(at(y - 1, -1), std::size_t(nx + 2) * depth, 0.0f); });
    }

    void copy_from(const float* x, int threads) const {
        spread(ny + 2, threads, [&](int y) {
            float* row = at(y - 1, -1);
            if (y == 0 || y > ny) {
                std::fill_n(row, std::size_t(nx + 2) * depth, 0.0f);
                return;
            }
            std::fill_n(row, depth, 0.0f);
            std::fill_n(row + std::size_t(nx + 1) * depth, depth, 0.0f);
            const std::size_t slice = std::size_t(ny) * nx;
            const float* source = x + std::size_t(y - 1) * nx;
            for (int c = 0; c < nx; c += lanes)
                for (int k = 0; k < depth; ++k)
                    for (int i = c; i < std::min(c + lanes, nx); ++i)
                        row[std::size_t(i + 1) * depth + k] = k < nz ? source[k * slice + i] : 0.0f;
        });
    }

    void add_to(float* x, int threads) const {
        spread(ny, threads, [&](int y) {
            const std::size_t slice = std::size_t(ny) * nx;
            float* target = x + std::size_t(y) * nx;
            for (int c = 0; c < nx; c += lanes)
                for (int k = 0; k < nz; ++k)
                    for (int i = c; i < std::min(c + lanes, nx); ++i) target[k * slice + i] += at(y, i)[k];
        });
    }
};

}  // namespace

bool is_upright(const View3& view) {
    const double length = std::sqrt(dot(view.row_step, view.row_step));
    if (std::hypot(view.row_step[1], view.row_step[2]) > 1e-9 * length) return false;
    const int last_row = view.size.rows - 1, last_column = view.size.columns - 1;
    auto shallow = [&](int i, int j) {
        const Vec along = view.divergent ? view.bin(i - last_row / 2.0, j) - view.origin : view.origin;
        return std::abs(along[0]) <= std::max(std::abs(along[1]), std::abs(along[2]));
    };
    if (!view.divergent) return shallow(0, 0);
    for (int j = 0; j <= last_column; ++j)
        if (!shallow(0, j) || !shallow(last_row, j)) return false;
    return true;
}

Columns::Columns(const Scan3& scan, const std::vector<int>& chosen, const VolumeSpec& volume, int threads)
    : views(chosen), columns(scan.detector.columns), rows(scan.detector.rows), voxel_mm(volume.voxel_mm) {
    const std::size_t count = views.size() * columns;
    for (auto* table : {&centre, &slope, &z, &z_slope, &rise, &rise_slope}) table->resize(count);
    if (scan.beam.sharp)
        for (auto* table : {&width, &width_slope}) table->resize(count);
    low.resize(count);
    high.resize(count);
    std::vector<std::vector<ColumnRun>> runs_of(views.size());
    spread(int(views.size()), threads, [&](int v) {
        const View3 view(scan.vectors + 12 * std::size_t(views[v]), scan.beam, scan.detector, volume);
        double previous = 0;
        for (int j = 0; j < columns; ++j) {
            const Vec point = view.bin(-(rows - 1) / 2.0, j), along = view.divergent ? point - view.origin : view.origin;
            const int axis = std::abs(along[1]) >= std::abs(along[2]) ? 0 : 1;  // planes of y or of x
            const int main = 1 + axis, across = 2 - axis;
            const double ahead = along[main], middle = (volume.size[main] - 1) / 2.0;
            if (j == 0 || runs_of[v].back().axis != axis || ahead * previous < 0) runs_of[v].push_back({v, axis, j, j});
            runs_of[v].back().last = j + 1;
            previous = ahead;

            const std::size_t c = std::size_t(v) * columns + j;
            const double tilt = along[across] / ahead;
            const double at_middle = point[across] + tilt * (middle - point[main]);
            double from = -middle, to = middle;
            clip(at_middle, tilt, -1.01, volume.size[across] + 0.01, from, to);
            view.stop_at_source(ahead, view.origin[main] - middle, from, to);
            low[c] = from > to ? 0 : int(std::ceil(from + middle));
            high[c] = from > to ? 0 : int(std::floor(to + middle)) + 1;
            centre[c] = float(at_middle);
            slope[c] = float(tilt);
            if (scan.beam.sharp) {
                double edge[2], edge_tilt[2];
                for (int side = 0; side < 2; ++side) {
                    const Vec at = view.bin(0.0, j + side - 0.5), to = view.divergent ? at - view.origin : view.origin;
                    edge_tilt[side] = to[across] / to[main];
                    edge[side] = at[across] + edge_tilt[side] * (middle - at[main]);
                }
                width[c] = float(edge[1] - edge[0]);
                width_slope[c] = float(edge_tilt[1] - edge_tilt[0]);
            }
            // Row i lies at z + z_slope u + (rise + rise_slope u) i.
            const double climb = along[0] / ahead, step = view.row_step[0];
            z[c] = float(point[0] + climb * (middle - point[main]));
            z_slope[c] = float(climb);
            rise[c] = float(view.divergent ? step * (middle - view.origin[main]) / ahead : step);
            rise_slope[c] = float(view.divergent ? step / ahead : 0.0);
        }
    });
    for (const auto& of_view : runs_of) runs.insert(runs.end(), of_view.begin(), of_view.end());
}

ColumnTable Columns::table() const {
    return {int(views.size()), columns,           rows,       centre.data(), slope.data(), z.data(), z_slope.data(),
            rise.data(),       rise_slope.data(), width.empty() ? nullptr : width.data(), width_slope.data(),
            low.data(),        high.data()};
}

float Columns::ray_length(std::size_t c, int row) const {
    const float climb = z_slope[c] + rise_slope[c] * row;
    return float(voxel_mm) * std::sqrt(1.0f + slope[c] * slope[c] + climb * climb);
}

void project_columns(const float* x, float* y, const Scan3& scan, const Columns& columns, const VolumeSpec& volume,
                     int threads) {
    const Fibres fibres(volume);
    fibres.copy_from(x, threads);
    const ColumnTable table = columns.table();
    // Some views take a part of the detector's columns together, slab after slab of planes, while a slab is in the cache.
    constexpr int wide = 32;
    const int views = int(columns.views.size()), across = (columns.columns + wide - 1) / wide;
    const int together = std::clamp(views * across / (8 * threads), 1, 6), groups = (views + together - 1) / together;
    const int slab = std::clamp(int((512 << 10) / (std::size_t(wide) * fibres.depth * sizeof(float))), 4, 64);
    const int stride = pad_up(columns.rows) + lanes, most_planes = std::max(fibres.ny, fibres.nx);
    // Axis of each column, by its run.
    std::vector<char> axis(std::size_t(views) * columns.columns);
    for (const ColumnRun& run : columns.runs)
        std::fill_n(axis.begin() + std::size_t(run.view) * columns.columns + run.first, run.last - run.first, char(run.axis));
    const Planes planes[2] = {fibres.planes(0), fibres.planes(1)};

    spread(groups * across, threads, [&](int job) {
        const int first_view = job / across * together, last_view = std::min(first_view + together, views);
        const int first = job % across * wide, last = std::min(first + wide, columns.columns);
        const std::size_t needed = std::size_t(last_view - first_view) * wide * stride;
        const Buffer sums(needed), profile(margin + fibres.depth + behind + lanes);
        std::fill_n(sums.get(), needed, 0.0f);
        std::fill_n(profile.get(), margin + fibres.depth + behind + lanes, 0.0f);
        auto rows_of = [&](int v, int j) {
            return sums.get() + (std::size_t(v - first_view) * wide + j - first) * stride;
        };
        for (int plane = 0; plane < most_planes; plane += slab)
            for (int v = first_view; v < last_view; ++v)
                for (int j = first; j < last; ++j) {
                    const std::size_t c = std::size_t(v) * columns.columns + j;
                    kernels().forward(table, std::int64_t(c), planes[int(axis[c])], plane, plane + slab, rows_of(v, j),
                                      profile.get() + margin);
                }
        for (int v = first_view; v < last_view; ++v)
            for (int i = 0; i < columns.rows; ++i) {
                float* out = y + (std::size_t(i) * scan.views + columns.views[v]) * columns.columns;
                for (int j = first; j < last; ++j)
                    out[j] = rows_of(v, j)[i] * columns.ray_length(std::size_t(v) * columns.columns + j, i);
            }
    });
}

void backproject_columns(const float* y, float* x, const Scan3& scan, const Columns& columns, const VolumeSpec& volume,
                         int threads) {
    const ColumnTable table = columns.table();
    const int views = int(columns.views.size()), stride = pad_up(columns.rows);
    const Buffer scaled(margin + std::size_t(views) * columns.columns * stride + behind);
    float* data = scaled.get() + margin;
    std::fill_n(scaled.get(), margin, 0.0f);
    std::fill_n(data + std::size_t(views) * columns.columns * stride, behind, 0.0f);
    spread(views, threads, [&](int v) {
        float* out = data + std::size_t(v) * columns.columns * stride;
        for (int j = 0; j < columns.columns; j += lanes)
            for (int i = 0; i < stride; ++i)
                for (int k = j; k < std::min(j + lanes, columns.columns); ++k) {
                    const std::size_t c = std::size_t(v) * columns.columns + k;
                    out[std::size_t(k) * stride + i] =
                        i < columns.rows ? y[(std::size_t(i) * scan.views + columns.views[v]) * columns.columns + k] *
                                               columns.ray_length(c, i)
                                         : 0.0f;
                }
    });

    const Fibres fibres(volume);
    fibres.clear(threads);
    constexpr int deep = 8;
    const int wide = std::clamp(int((512 << 10) / (std::size_t(deep) * fibres.depth * sizeof(float))), 8, 64);
    for (int axis = 0; axis < 2; ++axis) {
        std::vector<ColumnRun> runs;
        for (const ColumnRun& run : columns.runs)
            if (run.axis == axis) runs.push_back(run);
        const Planes planes = fibres.planes(axis);
        const int across = (planes.length + wide - 1) / wide, down = (planes.count + deep - 1) / deep;
        spread(runs.empty() ? 0 : across * down, threads, [&](int job) {
            const int plane = job / across * deep, first = job % across * wide;
            const Block block{plane, std::min(plane + deep, planes.count), first, std::min(first + wide, planes.length)};
            for (const ColumnRun& run : runs) kernels().adjoint(table, run, planes, block, data, stride);
        });
    }
    fibres.add_to(x, threads);
}

}  // namespace svct
