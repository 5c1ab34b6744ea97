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

// The derivative of <g, project(x)> by the vectors (views x 12).
void derive_vectors(const float* x, const float* g, int batch, const Scan3& scan, const VolumeSpec& volume, double* out,
                    int threads);

}  // namespace svct
