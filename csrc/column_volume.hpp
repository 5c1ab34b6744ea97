// Volumes under upright detectors: see columns.hpp.
#pragma once

#include <vector>

#include "columns.hpp"
#include "threads.hpp"
#include "volume.hpp"

namespace svct {

// Whether the rays of a view share one path through (x, y) for each detector column, and none is steeper than that path.
bool is_upright(const View3& view);

// The paths of all columns of some views of a scan.
struct Columns {
    std::vector<int> views;
    int columns, rows;
    double voxel_mm;
    std::vector<float> centre, slope, z, z_slope, rise, rise_slope, width, width_slope;
    std::vector<int> low, high;
    std::vector<ColumnRun> runs;  // `view` counts within `views`

    Columns(const Scan3& scan, const std::vector<int>& views, const VolumeSpec& volume, int threads);
    ColumnTable table() const;
    float ray_length(std::size_t column, int row) const;  // within the volume's voxels, from one plane to the next, mm
};

// These fill the chosen views of y, and add to x.
void project_columns(const float* x, float* y, const Scan3&, const Columns&, const VolumeSpec&, int threads);
void backproject_columns(const float* y, float* x, const Scan3&, const Columns&, const VolumeSpec&, int threads);

}  // namespace svct
