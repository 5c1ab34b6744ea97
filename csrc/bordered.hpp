// The working copy of a volume within a border of zeros: see skew.hpp.
#pragma once

#include <cstdint>
#include <limits>
#include <stdexcept>

#include "buffer.hpp"
#include "skew.hpp"
#include "threads.hpp"

namespace svct {

struct Bordered {
    int size[3];
    std::size_t row, slice;
    Buffer store;
    Box box;

    explicit Bordered(const int* n)
        : size{n[0], n[1], n[2]}, row(std::size_t(n[2]) + 3), slice(row * (n[1] + 3)), store(slice * (n[0] + 3)) {
        if (slice * (size[0] + 3) > std::size_t(std::numeric_limits<std::int32_t>::max()))
            throw std::length_error("a volume of more than 2^31 voxels needs upright detectors or another backend");
        box = {store.get() + slice + row + 1, {n[0], n[1], n[2]}, {std::int32_t(slice), std::int32_t(row), 1}};
    }

    // Calls work(z, y, fibre), with the index of the first voxel of the fibre in the plain volume.
    template <class Work>
    void for_fibres(int threads, const Work& work) const {
        spread(size[0], threads, [&](int z) {
            for (int y = 0; y < size[1]; ++y)
                work(box.data + z * slice + y * row, (std::size_t(z) * size[1] + y) * size[2]);
        });
    }

    void clear(int threads) const {
        spread(size[0] + 3, threads, [&](int z) { std::fill_n(store.get() + z * slice, slice, 0.0f); });
    }

    void copy_from(const float* x, int threads) const {
        clear(threads);
        for_fibres(threads, [&](float* fibre, std::size_t k) { std::copy_n(x + k, size[2], fibre); });
    }
};

}  // namespace svct
