// The Python module svct._kernels: arrays in, arrays filled, nothing else.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/array.h>

#include <array>
#include <stdexcept>

#include "dispatch.hpp"
#include "projector.hpp"
#include "volume.hpp"

namespace nb = nanobind;
using namespace nb::literals;

template <int axes>
using Floats = nb::ndarray<float, nb::ndim<axes>, nb::c_contig, nb::device::cpu>;
template <int numbers>
using Vectors = nb::ndarray<const double, nb::shape<-1, numbers>, nb::c_contig, nb::device::cpu>;

namespace {

void require(bool good, const char* message) {
    if (!good) throw std::invalid_argument(message);
}

// Runs `work(grid, rays)` without the interpreter lock.
template <class Work>
void in_plane(const Floats<3>& x, const Floats<3>& y, const Vectors<6>& vectors, svct::Beam beam, double voxel_mm,
              std::array<double, 2> origin_mm, int threads, const Work& work) {
    require(y.shape(1) == vectors.shape(0) && x.shape(0) == y.shape(0),
            "x, y and vectors disagree about the number of images or views");
    nb::gil_scoped_release release;
    const svct::GridSpec grid{int(x.shape(1)), int(x.shape(2)), voxel_mm, origin_mm[0], origin_mm[1]};
    work(grid, svct::trace(vectors.data(), int(y.shape(1)), beam, int(y.shape(2)), grid, threads));
}

// Runs `work(volume, scan)` without the interpreter lock.
template <class Work>
void in_volume(const Floats<4>& x, const Floats<4>& y, const Vectors<12>& vectors, svct::Beam beam, double voxel_mm,
               std::array<double, 3> origin_mm, const Work& work) {
    require(y.shape(2) == vectors.shape(0) && x.shape(0) == y.shape(0),
            "x, y and vectors disagree about the number of volumes or views");
    nb::gil_scoped_release release;
    const svct::VolumeSpec volume{{int(x.shape(1)), int(x.shape(2)), int(x.shape(3))},
                                  voxel_mm,
                                  {origin_mm[0], origin_mm[1], origin_mm[2]}};
    work(volume, svct::Scan3{vectors.data(), int(y.shape(2)), beam, {int(y.shape(1)), int(y.shape(3))}});
}

}  // namespace

NB_MODULE(_kernels, m) {
    m.doc() = "Joseph projectors on the CPU.";
    m.def("instruction_set", [] { return svct::name_of(svct::instruction_set()); },
          "The instruction set that the kernels run with.");
    m.def(
        "project",
        [](const Floats<3>& x, const Floats<3>& y, const Vectors<6>& vectors, bool divergent, bool curved, bool sharp, double voxel_mm,
           std::array<double, 2> origin_mm, int threads) {
            in_plane(x, y, vectors, {divergent, curved, sharp}, voxel_mm, origin_mm, threads, [&](const auto& grid, const auto& rays) {
                svct::project(x.data(), y.data(), int(x.shape(0)), rays, grid, threads);
            });
        },
        "x"_a, "y"_a, "vectors"_a, "divergent"_a, "curved"_a, "sharp"_a, "voxel_mm"_a, "origin_mm"_a, "threads"_a,
        "Fill y (batch, view, bin) with the line integrals of x (batch, row, column).");
    m.def(
        "backproject",
        [](const Floats<3>& y, const Floats<3>& x, const Vectors<6>& vectors, bool divergent, bool curved, bool sharp, double voxel_mm,
           std::array<double, 2> origin_mm, int threads) {
            in_plane(x, y, vectors, {divergent, curved, sharp}, voxel_mm, origin_mm, threads, [&](const auto& grid, const auto& rays) {
                svct::backproject(y.data(), x.data(), int(x.shape(0)), rays, grid, threads);
            });
        },
        "y"_a, "x"_a, "vectors"_a, "divergent"_a, "curved"_a, "sharp"_a, "voxel_mm"_a, "origin_mm"_a, "threads"_a,
        "Fill x (batch, row, column) with the adjoint of `project` applied to y (batch, view, bin).");
    m.def(
        "project_volume",
        [](const Floats<4>& x, const Floats<4>& y, const Vectors<12>& vectors, bool divergent, bool curved, bool sharp, double voxel_mm,
           std::array<double, 3> origin_mm, int threads) {
            in_volume(x, y, vectors, {divergent, curved, sharp}, voxel_mm, origin_mm, [&](const auto& volume, const auto& scan) {
                svct::project(x.data(), y.data(), int(x.shape(0)), scan, volume, threads);
            });
        },
        "x"_a, "y"_a, "vectors"_a, "divergent"_a, "curved"_a, "sharp"_a, "voxel_mm"_a, "origin_mm"_a, "threads"_a,
        "Fill y (batch, row, view, bin) with the line integrals of x (batch, z, y, x).");
    m.def(
        "backproject_volume",
        [](const Floats<4>& y, const Floats<4>& x, const Vectors<12>& vectors, bool divergent, bool curved, bool sharp, double voxel_mm,
           std::array<double, 3> origin_mm, int threads) {
            in_volume(x, y, vectors, {divergent, curved, sharp}, voxel_mm, origin_mm, [&](const auto& volume, const auto& scan) {
                svct::backproject(y.data(), x.data(), int(x.shape(0)), scan, volume, threads);
            });
        },
        "y"_a, "x"_a, "vectors"_a, "divergent"_a, "curved"_a, "sharp"_a, "voxel_mm"_a, "origin_mm"_a, "threads"_a,
        "Fill x (batch, z, y, x) with the adjoint of `project_volume` applied to y (batch, row, view, bin).");
    m.def(
        "derive_vectors",
        [](const Floats<4>& x, const Floats<4>& g, const Vectors<12>& vectors, bool divergent, bool curved, double voxel_mm,
           std::array<double, 3> origin_mm, const nb::ndarray<double, nb::shape<-1, 12>, nb::c_contig, nb::device::cpu>& out,
           int threads) {
            require(out.shape(0) == vectors.shape(0), "vectors and out disagree about the number of views");
            in_volume(x, g, vectors, {divergent, curved, false}, voxel_mm, origin_mm, [&](const auto& volume, const auto& scan) {
                svct::derive_vectors(x.data(), g.data(), int(x.shape(0)), scan, volume, out.data(), threads);
            });
        },
        "x"_a, "g"_a, "vectors"_a, "divergent"_a, "curved"_a, "voxel_mm"_a, "origin_mm"_a, "out"_a, "threads"_a,
        "Fill out (views, 12) with the derivative by `vectors` of <g, project_volume(x)>, g (batch, row, view, bin).");
}
