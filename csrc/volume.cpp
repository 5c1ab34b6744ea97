#include "volume.hpp"

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "column_volume.hpp"
#include "skew_volume.hpp"

namespace svct {
namespace {

// Views whose detector columns stand along z, with no ray steeper than its way through (x, y), share the work of a column;
// the others go ray by ray.
struct Split {
    std::vector<int> columns, skew;
};

Split split_views(const Scan3& scan, const VolumeSpec& volume, int threads) {
    std::vector<char> upright(scan.views);
    spread(scan.views, threads, [&](int v) {
        upright[v] = is_upright(View3(scan.vectors + 12 * std::size_t(v), scan.beam, scan.detector, volume));
    });
    Split split;
    if (scan.beam.sharp && std::find(upright.begin(), upright.end(), 0) != upright.end())
        throw std::invalid_argument("distance-driven rays need upright detectors, and rays of less than 45 degrees of rise");
    for (int v = 0; v < scan.views; ++v) (upright[v] ? split.columns : split.skew).push_back(v);
    return split;
}

}  // namespace

void project(const float* x, float* y, int batch, const Scan3& scan, const VolumeSpec& volume, int threads) {
    const Split split = split_views(scan, volume, threads);
    const std::size_t voxels = std::size_t(volume.size[0]) * volume.size[1] * volume.size[2];
    const std::size_t samples = std::size_t(scan.views) * scan.detector.rows * scan.detector.columns;
    if (!split.columns.empty()) {
        const Columns columns(scan, split.columns, volume, threads);
        for (int b = 0; b < batch; ++b) project_columns(x + b * voxels, y + b * samples, scan, columns, volume, threads);
    }
    if (!split.skew.empty())
        for (int b = 0; b < batch; ++b) project_skew(x + b * voxels, y + b * samples, scan, split.skew, volume, threads);
}

void backproject(const float* y, float* x, int batch, const Scan3& scan, const VolumeSpec& volume, int threads) {
    const Split split = split_views(scan, volume, threads);
    const std::size_t voxels = std::size_t(volume.size[0]) * volume.size[1] * volume.size[2];
    const std::size_t samples = std::size_t(scan.views) * scan.detector.rows * scan.detector.columns;
    std::fill_n(x, batch * voxels, 0.0f);
    if (!split.columns.empty()) {
        const Columns columns(scan, split.columns, volume, threads);
        for (int b = 0; b < batch; ++b)
            backproject_columns(y + b * samples, x + b * voxels, scan, columns, volume, threads);
    }
    if (!split.skew.empty())
        for (int b = 0; b < batch; ++b)
            backproject_skew(y + b * samples, x + b * voxels, scan, split.skew, volume, threads);
}

}  // namespace svct
