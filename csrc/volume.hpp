// Forward and back projection of volumes.
#pragma once

#include <cstdint>

#include "view.hpp"

namespace svct {

// `vectors` holds twelve numbers per view, in mm, as ASTRA's parallel3d_vec and cone_vec geometries have them.
struct Scan3 {
    const double* vectors;
    int views;
    Beam beam;
    Detector detector;
};

// y (batch x rows x views x columns) = line integrals of x (batch x z x y x x).
void project(const float* x, float* y, int batch, const Scan3& scan, const VolumeSpec& volume, int threads);

// x = the adjoint of project, applied to y.
void backproject(const float* y, float* x, int batch, const Scan3& scan, const VolumeSpec& volume, int threads);

// How the line integral of each ray changes with its path, weighed by g (batch x rays) and summed over the batch. `axis`
// (rays) and `path` (rays x 6: centre and slope along each of the two other axes, planes low and high) are as in SkewRay;
// `out` is rays x 5, in the order of SkewKernels::derive.
void derive_paths(const float* x, const float* g, int batch, const std::int8_t* axis, const float* path, std::int64_t rays,
                  const int* size, float* out, int threads);

}  // namespace svct
