#include "rays.hpp"

#include <algorithm>
#include <cmath>

namespace svct {
namespace {

struct Point {
    double col, row;
};

double cross(Point a, Point b) { return a.col * b.row - a.row * b.col; }

// How many rays can lie within one pixel of any position: two for each pixel that a bin is narrower than a pixel.
int count_taps(const Rays& rays, const Run& run, int lines) {
    const std::size_t base = std::size_t(run.view) * rays.bins + pad;
    const double half = (lines - 1) / 2.0;
    double pitch = 1e30;
    for (int j = run.first; j + 1 < run.last; ++j) {
        const double centre = double(rays.centre[base + j + 1]) - rays.centre[base + j];
        const double slope = double(rays.slope[base + j + 1]) - rays.slope[base + j];
        pitch = std::min({pitch, std::abs(centre - half * slope), std::abs(centre + half * slope)});
    }
    const double each_side = std::ceil((1.0 - 1e-5) / std::max(pitch, 1e-9));
    return 2 * int(std::clamp(each_side, 1.0, double(rays.bins)));
}

}  // namespace

Rays trace(const double* vectors, int views, bool divergent, int bins, const GridSpec& grid) {
    Rays rays{views, bins, divergent, {}, {}, {}, {}};
    const std::size_t count = std::size_t(views) * bins + 2 * pad;
    rays.centre.resize(count);
    rays.slope.resize(count);
    rays.weight.resize(count);

    const double scale = 1.0 / grid.voxel_mm;
    const double middle_col = (grid.width - 1) / 2.0, middle_row = (grid.height - 1) / 2.0;

    for (int v = 0; v < views; ++v) {
        const double* w = vectors + 6 * std::size_t(v);
        const Point step{w[4] * scale, -w[5] * scale};
        const Point detector{(w[2] - grid.origin_x_mm) * scale + middle_col - step.col * (bins - 1) / 2.0,
                             middle_row - (w[3] - grid.origin_y_mm) * scale - step.row * (bins - 1) / 2.0};
        const Point source{(w[0] - grid.origin_x_mm) * scale + middle_col,
                           middle_row - (w[1] - grid.origin_y_mm) * scale};
        const Point beam{w[0] * scale, -w[1] * scale};

        for (int j = 0; j < bins; ++j) {
            const Point bin{detector.col + j * step.col, detector.row + j * step.row};
            const Point along = divergent ? Point{bin.col - source.col, bin.row - source.row} : beam;
            const int axis = std::abs(along.row) >= std::abs(along.col) ? 0 : 1;
            const double slope = axis == 0 ? along.col / along.row : along.row / along.col;
            const double centre = axis == 0 ? bin.col + slope * (middle_row - bin.row)
                                            : bin.row + slope * (middle_col - bin.col);
            const std::size_t k = std::size_t(v) * bins + j + pad;
            rays.centre[k] = float(centre);
            rays.slope[k] = float(slope);
            rays.weight[k] = float(grid.voxel_mm * std::sqrt(1.0 + slope * slope));

            if (j == 0 || rays.runs.back().axis != axis) {
                // Bin at pixel q: divergent, the detector bin on the line from the source through q;
                // parallel, the bin whose ray passes through q.
                const Point from = divergent ? source : detector;
                const Point n = divergent ? Point{source.col - detector.col, source.row - detector.row} : beam;
                const double sign = cross(step, beam);
                // cross(q - from, n) and cross(q - from, step) as sums over (1, col, row)
                const double number[3] = {-from.col * n.row + from.row * n.col, n.row, -n.col};
                const double along_step[3] = {-from.col * step.row + from.row * step.col, step.row, -step.col};
                const double constant[3] = {sign, 0.0, 0.0};
                const double* denominator = divergent ? along_step : constant;
                const int p = axis == 0 ? 1 : 2, r = axis == 0 ? 2 : 1;
                rays.runs.push_back({v, axis, j, j, 2,
                                     {number[0], number[p], number[r]},
                                     {denominator[0], denominator[p], denominator[r]}});
            }
            rays.runs.back().last = j + 1;
        }
    }
    for (Run& run : rays.runs) run.taps = count_taps(rays, run, run.axis == 0 ? grid.height : grid.width);
    return rays;
}

}  // namespace svct
