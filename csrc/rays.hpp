// Scan geometry in grid units: which line each ray follows through the pixels.
#pragma once

#include <cstdint>
#include <vector>

#include "buffer.hpp"

namespace svct {

inline constexpr int lanes = 16;  // floats handled at once: images of a batch, rays, or voxels
inline constexpr int pad = 48;   // spare elements beside every row of a working copy, so that a window may overlap its end

// The image grid: `height` rows of `width` square pixels; row 0 has the largest y.
struct GridSpec {
    int height, width;
    double voxel_mm, origin_x_mm, origin_y_mm;
};

// How the views of a scan are made. A curved detector is an arc around the source. Sharp rays have the width of their bins:
// they take pixels by overlap, as distance-driven projectors do, where bins are narrower than pixels.
struct Beam {
    bool divergent, curved, sharp;
};

// Neighbouring rays of one view that share a main axis. Along the main axis (a "line" is an image row when
// `axis` is 0, an image column when it is 1) ray j crosses line r at the position centre[j] + slope[j] * (r - middle).
struct Run {
    int view, axis;
    int first, last;            // bins [first, last)
    int first_line, last_line;  // lines in front of the source, [first_line, last_line)
    int taps;                   // how many parallel rays can touch one pixel: 2, 4, ...
    // Bin of a flat detector seen at position p of line r: (number . (1, p, r)) / (denominator . (1, p, r)); for parallel
    // rays the denominator is 1.
    double number[3], denominator[3];
    float bend;   // bin width over the radius of a curved detector; 0 for a flat one
    float pitch;  // distance between parallel rays along a line, pixels
};

struct Rays {
    int views, bins;
    Beam beam;
    float voxel_mm;
    Buffer centre, slope;       // views x bins each, between `pad` spare elements
    Buffer width, width_slope;  // of sharp rays: as wide as width + width_slope * (r - middle) on line r
    std::vector<Run> runs;
};

// `vectors` holds six numbers per view, in mm, as ASTRA's vector geometries have them: ray direction (parallel) or
// source position (divergent), detector centre, and the step from one bin to the next.
Rays trace(const double* vectors, int views, Beam beam, int bins, const GridSpec& grid, int threads);

}  // namespace svct
