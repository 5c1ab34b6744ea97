#include "skew_volume.hpp"

#include <cmath>
#include <limits>
#include <stdexcept>

#include "buffer.hpp"
#include "dispatch.hpp"
#include "skew.hpp"

namespace svct {
namespace {

const SkewKernels& kernels() { return SVCT_KERNELS(skew_kernels); }

// The working copy of a volume within its border of zeros.
struct Bordered {
    int size[3];
    std::size_t row, slice;
    Buffer store;
    Box box;

    explicit Bordered(const int* n)
        : size{n[0], n[1], n[2]}, row(std::size_t(n[2]) + 3), slice(row * (n[1] + 3)), store(slice * (n[0] + 3)) {
        if (slice * (size[0] + 3) > std::size_t(std::numeric_limits<std::int32_t>::max()))
            throw std::length_error("a volume of more than 2^31 voxels needs upright detectors or another backend");
        box = {store.get() + slice + row + 1, {n[0], n[1], n[2]}, {std::int32_t(slice), std::int32_t(row), 1}};
    }

    // Calls work(z, y, fibre), with the index of the first voxel of the fibre in the plain volume.
    template <class Work>
    void for_fibres(int threads, const Work& work) const {
        spread(size[0], threads, [&](int z) {
            for (int y = 0; y < size[1]; ++y)
                work(box.data + z * slice + y * row, (std::size_t(z) * size[1] + y) * size[2]);
        });
    }

    void clear(int threads) const {
        spread(size[0] + 3, threads, [&](int z) { std::fill_n(store.get() + z * slice, slice, 0.0f); });
    }

    void copy_from(const float* x, int threads) const {
        clear(threads);
        for_fibres(threads, [&](float* fibre, std::size_t k) { std::copy_n(x + k, size[2], fibre); });
    }
};

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

void derive_paths(const float* x, const float* g, int batch, const std::int8_t* axis, const float* path, std::int64_t rays,
                  const int* size, float* out, int threads) {
    const Bordered copy(size);
    const std::size_t voxels = std::size_t(size[0]) * size[1] * size[2];
    std::fill_n(out, rays * 5, 0.0f);
    constexpr std::int64_t chunk = 256;
    for (int b = 0; b < batch; ++b) {
        copy.copy_from(x + b * voxels, threads);
        spread(int((rays + chunk - 1) / chunk), threads, [&](int job) {
            for (std::int64_t k = job * chunk; k < std::min((job + 1) * chunk, rays); ++k) {
                const float weight = g[b * rays + k];
                if (weight == 0.0f) continue;
                const SkewRay ray{axis[k], {path[6 * k], path[6 * k + 2]}, {path[6 * k + 1], path[6 * k + 3]},
                                  int(path[6 * k + 4]), int(path[6 * k + 5])};
                float sums[5];
                kernels().derive(ray, copy.box, sums);
                for (int i = 0; i < 5; ++i) out[5 * k + i] += weight * sums[i];
            }
        });
    }
}

}  // namespace svct
