// The kernels for images, compiled once for each instruction set.
//
// Working layouts: an image is stored as lines along the main axis (rows for axis 0, columns for axis 1), each line padded
// with zeros; in a batch the images are interleaved, `lanes` to an element, so that a ray's position is computed once for all.
#pragma once

#include "rays.hpp"

namespace svct {

// A plain view of Rays for the kernels, which are compiled apart and share no inline library code with other files.
struct RayTable {
    int views, bins;
    Beam beam;
    float voxel_mm;
    const float *centre, *slope;
    const float *width, *width_slope;  // of sharp rays alone
};

struct Lines {  // lines of one axis: element (r, p) at data[(r * stride + pad + p) * interleave]
    float* data;
    int count, length, stride;
};

struct Tile {  // pixels [first, last) of lines [first_line, last_line); `last` may reach into the padding
    int first_line, last_line, first, last;
};

struct ForwardKernels {
    // One image: bins [first, last) of a run into y (views x bins).
    void (*forward)(const RayTable&, const Run&, const Lines&, int first, int last, float* y);
    // The length of each ray of a view from one line to the next, mm.
    void (*lengths)(const RayTable&, int view, float* out);
    // `lanes` images: adds what a run takes from lines [first_line, last_line) to y, interleaved (bins x lanes, one view),
    // not yet scaled by the ray lengths.
    void (*forward_batch)(const RayTable&, const Run&, const Lines&, int first_line, int last_line, float* y);
};

struct AdjointKernels {
    // A tile of one image gathers from y (views x (bins + 2 pad), scaled by the ray lengths), over all runs given.
    void (*adjoint)(const RayTable&, const Run* runs, int run_count, const Lines&, const Tile&, const float* y);
    // The same for `lanes` images; y is interleaved (views x (bins + 2 pad) x lanes).
    void (*adjoint_batch)(const RayTable&, const Run* runs, int run_count, const Lines&, const Tile&, const float* y);
};

namespace baseline {
extern const ForwardKernels forward_kernels;
extern const AdjointKernels adjoint_kernels;
}
namespace avx2 {
extern const ForwardKernels forward_kernels;
extern const AdjointKernels adjoint_kernels;
}
namespace avx512 {
extern const ForwardKernels forward_kernels;
extern const AdjointKernels adjoint_kernels;
}

}  // namespace svct
