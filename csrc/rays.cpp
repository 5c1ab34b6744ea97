#include "rays.hpp"

#include <algorithm>
#include <cmath>

#include "threads.hpp"

namespace svct {
namespace {

struct Point {
    double col, row;
};

double cross(Point a, Point b) { return a.col * b.row - a.row * b.col; }

// One view in grid units.
class View {
    Beam beam;
    int bins;
    Point source, direction, detector, step;  // `detector` is the middle of the detector
    Point middle;
    int size[2];
    double bend = 0, radius = 0;

public:
    View(const double* w, Beam beam, int bins, const GridSpec& grid)
        : beam(beam), bins(bins), middle{(grid.width - 1) / 2.0, (grid.height - 1) / 2.0}, size{grid.height, grid.width} {
        const double scale = 1.0 / grid.voxel_mm;
        auto place = [&](double x, double y) {
            return Point{(x - grid.origin_x_mm) * scale + middle.col, middle.row - (y - grid.origin_y_mm) * scale};
        };
        source = place(w[0], w[1]);
        direction = {w[0] * scale, -w[1] * scale};
        detector = place(w[2], w[3]);
        step = {w[4] * scale, -w[5] * scale};
        if (beam.curved) {
            radius = std::hypot(detector.col - source.col, detector.row - source.row);
            bend = std::hypot(step.col, step.row) / radius;
        }
    }

    // A point of the ray of bin j and its direction, from the source on.
    void ray(double j, Point& point, Point& along) const {
        const double steps = j - (bins - 1) / 2.0;
        if (beam.curved) {
            const double depth = std::cos(steps * bend), side = std::sin(steps * bend) / bend;
            along = {(detector.col - source.col) * depth + step.col * side,
                     (detector.row - source.row) * depth + step.row * side};
            point = {source.col + along.col, source.row + along.row};
        } else {
            point = {detector.col + steps * step.col, detector.row + steps * step.row};
            along = beam.divergent ? Point{point.col - source.col, point.row - source.row} : direction;
        }
    }

    // Where the ray of bin j, or one between bins, meets the middle line of an axis, and how that moves from line to line.
    void cross_lines(double j, int axis, double& centre, double& slope) const {
        Point point, along;
        ray(j, point, along);
        slope = axis == 0 ? along.col / along.row : along.row / along.col;
        centre = axis == 0 ? point.col + slope * (middle.row - point.row) : point.row + slope * (middle.col - point.col);
    }

    Run open_run(int v, int axis, int j, Point along) const {
        // Bin at pixel q: divergent, the detector bin on the line from the source through q;
        // parallel, the bin whose ray passes through q. Bins count from the first.
        const Point first{detector.col - step.col * (bins - 1) / 2.0, detector.row - step.row * (bins - 1) / 2.0};
        const Point from = beam.divergent ? source : first;
        const Point n = beam.divergent ? Point{source.col - first.col, source.row - first.row} : direction;
        // cross(q - from, n) and cross(q - from, step) as sums over (1, col, row)
        // The denominator is positive in front of the source.
        const double scale = beam.divergent ? std::copysign(1.0, cross(Point{-n.col, -n.row}, step))
                                            : 1.0 / cross(step, direction);
        const double number[3] = {(-from.col * n.row + from.row * n.col) * scale, n.row * scale, -n.col * scale};
        const double along_step[3] = {(-from.col * step.row + from.row * step.col) * scale, step.row * scale,
                                      -step.col * scale};
        const double one[3] = {1.0, 0.0, 0.0};
        const double* denominator = beam.divergent ? along_step : one;
        const int p = axis == 0 ? 1 : 2, r = axis == 0 ? 2 : 1;
        const double pitch = 1.0 / number[p];  // of parallel rays, two of which can touch a pixel for each one in it
        const int each_side = int(std::clamp(std::ceil((1.0 - 1e-5) / std::abs(pitch)), 1.0, double(bins)));
        Run run{v, axis, j, j, 0, size[axis], 2 * each_side, {number[0], number[p], number[r]},
                {denominator[0], denominator[p], denominator[r]}, float(bend), float(pitch)};
        if (beam.divergent) {
            const double at = axis == 0 ? source.row : source.col;
            const double count = size[axis];
            if ((axis == 0 ? along.row : along.col) > 0) run.first_line = int(std::clamp(std::floor(at + 1e-6) + 1, 0.0, count));
            else run.last_line = int(std::clamp(std::ceil(at - 1e-6), 0.0, count));
        }
        return run;
    }

    // Fills the tables of view `v` and lists its runs.
    void trace(int v, const Rays& rays, std::vector<Run>& runs) const {
        float* centre = rays.centre.get() + std::size_t(v) * bins + pad;
        float* slope = rays.slope.get() + std::size_t(v) * bins + pad;
        double previous = 0;
        for (int j = 0; j < bins; ++j) {
            Point point, along;
            ray(j, point, along);
            const bool by_rows = std::abs(along.row) >= std::abs(along.col);
            const double ahead = by_rows ? along.row : along.col, tilt = (by_rows ? along.col : along.row) / ahead;
            const double to_middle = by_rows ? middle.row - point.row : middle.col - point.col;
            centre[j] = float((by_rows ? point.col : point.row) + tilt * to_middle);
            slope[j] = float(tilt);
            const int axis = by_rows ? 0 : 1;
            if (j == 0 || runs.back().axis != axis || ahead * previous < 0) {
                if (j > 0) runs.back().last = j;
                runs.push_back(open_run(v, axis, j, along));
            }
            previous = ahead;
        }
        runs.back().last = bins;
        if (beam.sharp)
            for (const Run& run : runs) widen(run, rays);
    }

    void widen(const Run& run, const Rays& rays) const {
        for (int j = run.first; j < run.last; ++j) {
            double low, low_slope, high, high_slope;
            cross_lines(j - 0.5, run.axis, low, low_slope);
            cross_lines(j + 0.5, run.axis, high, high_slope);
            const std::size_t k = std::size_t(run.view) * bins + j + pad;
            rays.width.get()[k] = float(high - low);
            rays.width_slope.get()[k] = float(high_slope - low_slope);
        }
    }
};

}  // namespace

Rays trace(const double* vectors, int views, Beam beam, int bins, const GridSpec& grid, int threads) {
    Rays rays{views, bins, beam, float(grid.voxel_mm)};
    const std::size_t count = std::size_t(views) * bins;
    auto make = [&](Buffer& table) {
        table = Buffer(count + 2 * pad);
        std::fill_n(table.get(), pad, 0.0f);
        std::fill_n(table.get() + pad + count, pad, 0.0f);
    };
    make(rays.centre);
    make(rays.slope);
    if (beam.sharp) {
        make(rays.width);
        make(rays.width_slope);
    }
    std::vector<std::vector<Run>> runs(views);
    spread(views, views * bins < 4096 ? 1 : threads, [&](int v) {
        View(vectors + 6 * std::size_t(v), beam, bins, grid).trace(v, rays, runs[v]);
    });
    for (const auto& of_view : runs) rays.runs.insert(rays.runs.end(), of_view.begin(), of_view.end());
    return rays;
}

}  // namespace svct
