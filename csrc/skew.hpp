// Kernels for single rays of any direction through a volume.
//
// Along the main axis a ray crosses plane r at the positions (centre[i] + slope[i] u), u = r - middle, of the other two axes,
// taken in the order z, y, x.
#pragma once

#include <cstdint>

namespace svct {

// The two axes across a main axis, in the order z, y, x. Static, so that each instruction set keeps its own copy.
static constexpr int axis_across(int axis, int k) { return k == 0 ? (axis == 0 ? 1 : 0) : (axis == 2 ? 1 : 2); }

struct SkewRay {
    int axis;  // 0 z, 1 y, 2 x
    float centre[2], slope[2];
    int low, high;  // planes [low, high) of interest
};

struct Box {  // a volume within a border of zeros: one voxel below and two above
    float* data;  // voxel (0, 0, 0)
    int size[3];
    std::int32_t stride[3];
};

struct SkewKernels {
    float (*sum)(const SkewRay&, const Box&);
    void (*scatter)(const SkewRay&, const Box&, float value);
    // The sum and its derivatives: sum, d/d centre[0], d/d slope[0], d/d centre[1], d/d slope[1].
    void (*derive)(const SkewRay&, const Box&, float* out);
};

namespace baseline { extern const SkewKernels skew_kernels; }
namespace avx2 { extern const SkewKernels skew_kernels; }
namespace avx512 { extern const SkewKernels skew_kernels; }

}  // namespace svct
