// Derivatives of line integrals by the geometry.
//
// A line integral is l sum_i f(c + s u_i): f is the interpolated volume, whose slope is constant within a voxel, u_i the
// planes across the ray's main axis, c and s centre and slope of the ray, l its length between two planes. The kernel sums
// f, df/dc and u df/dc along each ray. With m the middle of the volume along the main axis, c = bin across + s (m - bin
// main), s = along across / along main and l = voxel |(1, s)| lead to a point and the direction of the ray, and these to the
// vectors of its view.
#include <cmath>

#include "bordered.hpp"
#include "dispatch.hpp"
#include "volume.hpp"

namespace svct {
namespace {

const SkewKernels& kernels() { return SVCT_KERNELS(skew_kernels); }

// What has been gathered for one view, in voxels.
struct ViewGradient {
    Vec origin{}, centre{}, step{}, row_step{}, outward{};
    double bend = 0;

    void add(const View3& view, int i, int j, Vec by_bin, Vec by_along) {
        if (view.divergent) {  // along = bin - source
            by_bin = by_bin + by_along;
            origin = origin - by_along;
        } else {
            origin = origin + by_along;
        }
        centre = centre + by_bin;
        row_step = row_step + by_bin * (i - (view.size.rows - 1) / 2.0);
        const double steps = j - (view.size.columns - 1) / 2.0;
        if (!view.curved) {
            step = step + by_bin * steps;
            return;
        }
        // bin = centre + outward (cos a - 1) + step sin a / bend, with a = bend steps
        const double angle = view.bend * steps, sine = std::sin(angle), cosine = std::cos(angle);
        outward = outward + by_bin * (cosine - 1.0);
        step = step + by_bin * (sine / view.bend);
        bend += -sine * steps * dot(view.outward, by_bin) +
                (cosine * angle - sine) / (view.bend * view.bend) * dot(view.step, by_bin);
    }

    // bend = |step| / |outward|, and outward is centre - source without its part along the rows.
    void unbend(const View3& view) {
        const double radius2 = dot(view.outward, view.outward), pitch2 = dot(view.step, view.step);
        step = step + view.step * (bend * view.bend / pitch2);
        const Vec by_outward = outward - view.outward * (bend * view.bend / radius2);
        const double height = std::sqrt(dot(view.row_step, view.row_step));
        const Vec unit = view.row_step * (1.0 / height), reach = view.detector - view.origin;
        const Vec by_reach = by_outward - unit * dot(by_outward, unit);
        const Vec by_unit = reach * -dot(by_outward, unit) - by_outward * dot(reach, unit);
        centre = centre + by_reach;
        origin = origin - by_reach;
        row_step = row_step + (by_unit - unit * dot(by_unit, unit)) * (1.0 / height);
    }

    void write(double* out, double voxel_mm) const {
        const Vec parts[4] = {origin, centre, step, row_step};
        for (int k = 0; k < 4; ++k)
            for (int i = 0; i < 3; ++i) out[3 * k + i] = parts[k][2 - i] / voxel_mm;
    }
};

}  // namespace

void derive_vectors(const float* x, const float* g, int batch, const Scan3& scan, const VolumeSpec& volume, double* out,
                    int threads) {
    const Bordered copy(volume.size);
    const std::size_t voxels = std::size_t(volume.size[0]) * volume.size[1] * volume.size[2];
    const auto [rows, columns] = scan.detector;
    std::vector<ViewGradient> gradients(scan.views);
    for (int b = 0; b < batch; ++b) {
        copy.copy_from(x + b * voxels, threads);
        spread(scan.views, threads, [&](int v) {
            const View3 view(scan.vectors + 12 * std::size_t(v), scan.beam, scan.detector, volume);
            for (int i = 0; i < rows; ++i)
                for (int j = 0; j < columns; ++j) {
                    const double weight = g[((std::size_t(b) * rows + i) * scan.views + v) * columns + j];
                    if (weight == 0.0) continue;
                    const View3::Line line = view.line(i, j);
                    const SkewRay ray = view.ray(line, volume);
                    float sums[5];
                    kernels().derive(ray, copy.box, sums);

                    const double slope[2] = {ray.slope[0], ray.slope[1]}, ahead = line.along[ray.axis];
                    const double length = volume.voxel_mm * std::sqrt(1.0 + slope[0] * slope[0] + slope[1] * slope[1]);
                    const double to_middle = (volume.size[ray.axis] - 1) / 2.0 - line.bin[ray.axis];
                    Vec by_bin{}, by_along{};
                    for (int k = 0; k < 2; ++k) {
                        const double by_centre = weight * length * sums[1 + 2 * k];
                        const double by_slope = weight * length * sums[2 + 2 * k] + by_centre * to_middle +
                                                weight * sums[0] * volume.voxel_mm * volume.voxel_mm * slope[k] / length;
                        const int across = axis_across(ray.axis, k);
                        by_bin[across] += by_centre;
                        by_bin[ray.axis] -= by_centre * slope[k];
                        by_along[across] += by_slope / ahead;
                        by_along[ray.axis] -= by_slope * slope[k] / ahead;
                    }
                    gradients[v].add(view, i, j, by_bin, by_along);
                }
        });
    }
    for (int v = 0; v < scan.views; ++v) {
        if (scan.beam.curved)
            gradients[v].unbend(View3(scan.vectors + 12 * std::size_t(v), scan.beam, scan.detector, volume));
        gradients[v].write(out + 12 * std::size_t(v), volume.voxel_mm);
    }
}

}  // namespace svct
