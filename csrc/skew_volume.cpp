#include "skew_volume.hpp"

#include <cmath>

#include "bordered.hpp"
#include "dispatch.hpp"

namespace svct {
namespace {

const SkewKernels& kernels() { return SVCT_KERNELS(skew_kernels); }

float ray_length(const SkewRay& ray, double voxel_mm) {
    return float(voxel_mm) * std::sqrt(1.0f + ray.slope[0] * ray.slope[0] + ray.slope[1] * ray.slope[1]);
}

// Calls work(ray, index in y) for every ray of a view and one of its rows.
template <class Work>
void for_rays(const Scan3& scan, const VolumeSpec& volume, int v, int row, const Work& work) {
    const View3 view(scan.vectors + 12 * std::size_t(v), scan.beam, scan.detector, volume);
    for (int j = 0; j < scan.detector.columns; ++j)
        work(view.ray(row, j, volume), (std::size_t(row) * scan.views + v) * scan.detector.columns + j);
}

}  // namespace

void project_skew(const float* x, float* y, const Scan3& scan, const std::vector<int>& views, const VolumeSpec& volume,
                  int threads) {
    const Bordered copy(volume.size);
    copy.copy_from(x, threads);
    const int rows = scan.detector.rows;
    spread(int(views.size()) * rows, threads, [&](int job) {
        for_rays(scan, volume, views[job / rows], job % rows, [&](const SkewRay& ray, std::size_t k) {
            y[k] = kernels().sum(ray, copy.box) * ray_length(ray, volume.voxel_mm);
        });
    });
}

void backproject_skew(const float* y, float* x, const Scan3& scan, const std::vector<int>& views, const VolumeSpec& volume,
                      int threads) {
    const Bordered copy(volume.size);
    copy.clear(threads);
    const int rows = scan.detector.rows;
    std::vector<char> axes(views.size());  // bit a: some ray of the view has main axis a
    spread(int(views.size()), threads, [&](int v) {
        for (int i = 0; i < rows; ++i)
            for_rays(scan, volume, views[v], i, [&](const SkewRay& ray, std::size_t) { axes[v] |= char(1 << ray.axis); });
    });
    for (int axis = 0; axis < 3; ++axis) {
        const int planes = volume.size[axis], slabs = std::min(planes, threads == 1 ? 1 : 3 * threads);
        spread(slabs, threads, [&](int job) {
            const int first = int(std::int64_t(planes) * job / slabs), last = int(std::int64_t(planes) * (job + 1) / slabs);
            for (std::size_t v = 0; v < views.size(); ++v) {
                if (!(axes[v] >> axis & 1)) continue;
                for (int i = 0; i < rows; ++i)
                    for_rays(scan, volume, views[v], i, [&](SkewRay ray, std::size_t k) {
                        if (ray.axis != axis) return;
                        ray.low = std::max(ray.low, first);
                        ray.high = std::min(ray.high, last);
                        if (ray.low < ray.high) kernels().scatter(ray, copy.box, y[k] * ray_length(ray, volume.voxel_mm));
                    });
            }
        });
    }
    copy.for_fibres(threads, [&](const float* fibre, std::size_t k) {
        for (int i = 0; i < volume.size[2]; ++i) x[k + i] += fibre[i];
    });
}

}  // namespace svct
