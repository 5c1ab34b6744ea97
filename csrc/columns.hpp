// Kernels for volumes under a detector whose rows are stacked along z: all rays of a detector column share one path through
// (x, y), and differ in z alone.
//
// Working layouts: the volume has z innermost, within a border of zeros in x and y; the projections have the detector row
// innermost. Along the main axis (a "plane" is an image row y when the axis is 0, an image column x when it is 1) a column
// crosses plane r at the position centre + slope u, u = r - middle; its ray of row i does so at the height
// z + z_slope u + (rise + rise_slope u) i.
#pragma once

#include <cstdint>

namespace svct {

struct ColumnTable {  // one entry per view and column, at view * columns + column
    int views, columns, rows;
    const float *centre, *slope, *z, *z_slope, *rise, *rise_slope;
    const float *width, *width_slope;  // of a sharp column in a plane, as of a ray in joseph.hpp; null for the others
    const int *low, *high;             // planes [low, high) that the column can touch
};

struct ColumnRun {  // neighbouring columns of one view that share a main axis
    int view, axis;
    int first, last;
};

struct Planes {  // a volume seen along one axis: voxel (r, p, k) at data[r * plane_stride + p * fibre_stride + k]
    float* data;
    std::int64_t plane_stride, fibre_stride;
    int count, length, depth;
};

struct Block {  // positions [first, last) of planes [first_plane, last_plane)
    int first_plane, last_plane, first, last;
};

struct ColumnKernels {
    // Adds what the rays of one column take from planes [first_plane, last_plane) to y (rows, and `lanes` spare ones).
    // `profile` holds depth + 96 floats, of which the outer ones are zero: 16 before and at least 32 behind the depth.
    void (*forward)(const ColumnTable&, std::int64_t column, const Planes&, int first_plane, int last_plane, float* y,
                    float* profile);
    // A block gathers from one run; the column of entry c lies in y at c * row_stride, scaled by the ray lengths.
    void (*adjoint)(const ColumnTable&, const ColumnRun&, const Planes&, const Block&, const float* y, int row_stride);
};

namespace baseline { extern const ColumnKernels column_kernels; }
namespace avx2 { extern const ColumnKernels column_kernels; }
namespace avx512 { extern const ColumnKernels column_kernels; }

}  // namespace svct
