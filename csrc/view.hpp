// One view of a three-dimensional scan in voxel units, and how its rays lie in the volume.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>

#include "rays.hpp"
#include "skew.hpp"

namespace svct {

using Vec = std::array<double, 3>;  // z, y, x

struct VolumeSpec {
    int size[3];  // z, y, x
    double voxel_mm;
    double origin_mm[3];  // x, y, z of the centre
};

struct Detector {
    int rows, columns;
};

inline Vec operator+(Vec a, Vec b) { return {a[0] + b[0], a[1] + b[1], a[2] + b[2]}; }
inline Vec operator-(Vec a, Vec b) { return {a[0] - b[0], a[1] - b[1], a[2] - b[2]}; }
inline Vec operator*(Vec a, double s) { return {a[0] * s, a[1] * s, a[2] * s}; }
inline double dot(Vec a, Vec b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

// The range of u in which low < centre + slope u < high.
inline void clip(double centre, double slope, double low, double high, double& from, double& to) {
    if (std::abs(slope) < 1e-9) {
        if (centre <= low || centre >= high) to = from - 1;
        return;
    }
    const double a = (low - centre) / slope, b = (high - centre) / slope;
    from = std::max(from, std::min(a, b));
    to = std::min(to, std::max(a, b));
}

struct View3 {
    bool divergent, curved;
    Detector size;
    Vec origin;  // source position, or ray direction
    Vec detector, step, row_step;
    Vec outward;  // from the source to the detector's middle, across the rows
    double bend = 0;

    // `w` holds twelve numbers as ASTRA's parallel3d_vec and cone_vec geometries have them, mm.
    View3(const double* w, Beam beam, Detector size, const VolumeSpec& volume)
        : divergent(beam.divergent), curved(beam.curved), size(size) {
        const double scale = 1.0 / volume.voxel_mm;
        auto direction = [&](const double* v) { return Vec{v[2] * scale, v[1] * scale, v[0] * scale}; };
        auto place = [&](const double* v) {
            Vec p;
            for (int i = 0; i < 3; ++i)
                p[i] = (v[2 - i] - volume.origin_mm[2 - i]) * scale + (volume.size[i] - 1) / 2.0;
            return p;
        };
        origin = divergent ? place(w) : direction(w);
        detector = place(w + 3);
        step = direction(w + 6);
        row_step = direction(w + 9);
        if (curved) {
            const Vec to_detector = detector - origin;
            outward = to_detector - row_step * (dot(to_detector, row_step) / dot(row_step, row_step));
            bend = std::sqrt(dot(step, step) / dot(outward, outward));
        }
    }

    // The detector bin `rows_up` rows from the middle and in column j, or between columns.
    Vec bin(double rows_up, double j) const {
        const double steps = j - (size.columns - 1) / 2.0;
        const Vec middle = detector + row_step * rows_up;
        if (!curved) return middle + step * steps;
        return middle + outward * (std::cos(steps * bend) - 1.0) + step * (std::sin(steps * bend) / bend);
    }

    // A line through the bin of row i and column j, from the source where there is one.
    struct Line {
        Vec bin, along;
    };
    Line line(int i, int j) const {
        const Vec at = bin(i - (size.rows - 1) / 2.0, j);
        return {at, divergent ? at - origin : origin};
    }

    // The same as a ray through the volume, with the planes that it can touch.
    SkewRay ray(const Line& line, const VolumeSpec& volume) const {
        const Vec &point = line.bin, &along = line.along;
        SkewRay ray;
        const double z = std::abs(along[0]), y = std::abs(along[1]), x = std::abs(along[2]);
        ray.axis = y >= x && y >= z ? 1 : x >= z ? 2 : 0;
        const double middle = (volume.size[ray.axis] - 1) / 2.0;
        double from = -middle, to = middle;
        for (int k = 0; k < 2; ++k) {
            const int across = axis_across(ray.axis, k);
            const double slope = along[across] / along[ray.axis];
            const double centre = point[across] + slope * (middle - point[ray.axis]);
            ray.centre[k] = float(centre);
            ray.slope[k] = float(slope);
            clip(centre, slope, -1.01, volume.size[across] + 0.01, from, to);
        }
        stop_at_source(along[ray.axis], origin[ray.axis] - middle, from, to);
        ray.low = from > to ? 0 : int(std::ceil(from + middle));
        ray.high = from > to ? 0 : int(std::floor(to + middle)) + 1;
        return ray;
    }
    SkewRay ray(int i, int j, const VolumeSpec& volume) const { return ray(line(i, j), volume); }

    // Keeps the planes that lie in front of the source; all lengths along the main axis, from its middle.
    void stop_at_source(double along, double source, double& from, double& to) const {
        if (!divergent) return;
        if (along > 0) from = std::max(from, source + 1e-6);
        else to = std::min(to, source - 1e-6);
    }
};

}  // namespace svct
