// Forward and back projection of a stack of images, in parallel.
#pragma once

#include "rays.hpp"

namespace svct {

// x: batch x height x width; y: batch x views x bins; both contiguous. `threads` workers at most.
void project(const float* x, float* y, int batch, const Rays& rays, const GridSpec& grid, int threads);
void backproject(const float* y, float* x, int batch, const Rays& rays, const GridSpec& grid, int threads);

}  // namespace svct
