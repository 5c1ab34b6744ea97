// The Python module svct._kernels: arrays in, arrays filled, nothing else.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <stdexcept>

#include "projector.hpp"

namespace nb = nanobind;
using namespace nb::literals;

using Images = nb::ndarray<float, nb::ndim<3>, nb::c_contig, nb::device::cpu>;
using Vectors = nb::ndarray<const double, nb::shape<-1, 6>, nb::c_contig, nb::device::cpu>;

namespace {

struct Scan {
    svct::GridSpec grid;
    svct::Rays rays;
};

Scan read_scan(const Images& x, const Images& y, const Vectors& vectors, svct::Beam beam, double voxel_mm, double origin_x_mm,
               double origin_y_mm, int threads) {
    if (y.shape(1) != vectors.shape(0) || x.shape(0) != y.shape(0)) {
        throw std::invalid_argument("x, y and vectors disagree about the number of images or views");
    }
    const svct::GridSpec grid{int(x.shape(1)), int(x.shape(2)), voxel_mm, origin_x_mm, origin_y_mm};
    return {grid, svct::trace(vectors.data(), int(y.shape(1)), beam, int(y.shape(2)), grid, threads)};
}

}  // namespace

NB_MODULE(_kernels, m) {
    m.doc() = "Joseph projector on the CPU.";
    m.def("instruction_set", &svct::instruction_set, "The instruction set that the kernels run with.");
    m.def(
        "project",
        [](const Images& x, const Images& y, const Vectors& vectors, bool divergent, bool curved, double voxel_mm, double origin_x_mm,
           double origin_y_mm, int threads) {
            const Scan scan = read_scan(x, y, vectors, {divergent, curved}, voxel_mm, origin_x_mm, origin_y_mm, threads);
            nb::gil_scoped_release release;
            svct::project(x.data(), y.data(), int(x.shape(0)), scan.rays, scan.grid, threads);
        },
        "x"_a, "y"_a, "vectors"_a, "divergent"_a, "curved"_a, "voxel_mm"_a, "origin_x_mm"_a, "origin_y_mm"_a, "threads"_a,
        "Fill y (batch, view, bin) with the line integrals of x (batch, row, column).");
    m.def(
        "backproject",
        [](const Images& y, const Images& x, const Vectors& vectors, bool divergent, bool curved, double voxel_mm, double origin_x_mm,
           double origin_y_mm, int threads) {
            const Scan scan = read_scan(x, y, vectors, {divergent, curved}, voxel_mm, origin_x_mm, origin_y_mm, threads);
            nb::gil_scoped_release release;
            svct::backproject(y.data(), x.data(), int(x.shape(0)), scan.rays, scan.grid, threads);
        },
        "y"_a, "x"_a, "vectors"_a, "divergent"_a, "curved"_a, "voxel_mm"_a, "origin_x_mm"_a, "origin_y_mm"_a, "threads"_a,
        "Fill x (batch, row, column) with the adjoint of `project` applied to y (batch, view, bin).");
}
