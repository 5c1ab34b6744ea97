// Volumes under detectors that stand in any way, ray by ray: see skew.hpp.
#pragma once

#include <vector>

#include "threads.hpp"
#include "volume.hpp"

namespace svct {

// These fill the chosen views of y, and add to x.
void project_skew(const float* x, float* y, const Scan3&, const std::vector<int>& views, const VolumeSpec&, int threads);
void backproject_skew(const float* y, float* x, const Scan3&, const std::vector<int>& views, const VolumeSpec&, int threads);

}  // namespace svct
