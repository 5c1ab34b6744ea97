// Joseph's method for one ray at a time, `lanes` planes at once: in every plane the ray takes four voxels by bilinear
// interpolation.
#include "skew.hpp"

#include "simd.hpp"

namespace svct::SVCT_ISA {
namespace {

// The crossings of a ray with planes `start` ... `start` + lanes - 1.
struct Crossings {
    Floats u, part[2], used;
    Ints offset;  // of the voxel below in both directions, from the first voxel of plane `start`
    std::int32_t step[2];

    Crossings(const SkewRay& ray, const Box& box, int start) {
        const int across[2] = {axis_across(ray.axis, 0), axis_across(ray.axis, 1)};
        u = counting() + fill(start - (box.size[ray.axis] - 1) * 0.5f);
        const Floats lane = counting();
        used = lane < fill(float(ray.high - start)) ? fill(1.0f) : Floats{};
        // Lanes behind the last plane read it again, for nothing.
        const Floats plane = least(lane, fill(float(ray.high - start - 1)));
        offset = __builtin_convertvector(plane, Ints) * box.stride[ray.axis];
        for (int i = 0; i < 2; ++i) {
            Floats position = fill(ray.centre[i]) + fill(ray.slope[i]) * u;
            const Floats end = fill(float(box.size[across[i]]));
            used = (position > fill(-1.0f)) & (position < end) ? used : Floats{};
            position = least(most(position, fill(-1.0f)), end);
            const Ints index = floor_index(position);
            part[i] = position - to_float(index);
            step[i] = box.stride[across[i]];
            offset += index * step[i];
        }
    }
};

// What lies around the crossings: values interpolated along the second axis, near and far along the first, and their steps.
struct Corners {
    Floats near, far, near_step, far_step;

    Corners(const SkewRay& ray, const Box& box, int start, const Crossings& at) {
        const float* plane = box.data + std::int64_t(start) * box.stride[ray.axis];
        const Floats a = pick(plane, at.offset), b = pick(plane, at.offset + at.step[1]);
        const Floats c = pick(plane, at.offset + at.step[0]), d = pick(plane, at.offset + at.step[0] + at.step[1]);
        near_step = b - a;
        far_step = d - c;
        near = a + at.part[1] * near_step;
        far = c + at.part[1] * far_step;
    }
};

float sum(const SkewRay& ray, const Box& box) {
    Floats sum{};
    for (int start = ray.low; start < ray.high; start += lanes) {
        const Crossings at(ray, box, start);
        const Corners voxel(ray, box, start, at);
        sum += at.used * (voxel.near + at.part[0] * (voxel.far - voxel.near));
    }
    return total(sum);
}

void scatter(const SkewRay& ray, const Box& box, float value) {
    for (int start = ray.low; start < ray.high; start += lanes) {
        const Crossings at(ray, box, start);
        float* plane = box.data + std::int64_t(start) * box.stride[ray.axis];
        const Floats far = at.used * fill(value) * at.part[0], near = at.used * fill(value) - far;
        const Floats b = near * at.part[1], a = near - b, d = far * at.part[1], c = far - d;
        const int count = smaller(lanes, ray.high - start);
        for (int l = 0; l < count; ++l) {
            float* voxel = plane + at.offset[l];
            voxel[0] += a[l];
            voxel[at.step[1]] += b[l];
            voxel[at.step[0]] += c[l];
            voxel[at.step[0] + at.step[1]] += d[l];
        }
    }
}

void derive(const SkewRay& ray, const Box& box, float* out) {
    Floats sums[5] = {};
    for (int start = ray.low; start < ray.high; start += lanes) {
        const Crossings at(ray, box, start);
        const Corners voxel(ray, box, start, at);
        const Floats along_first = at.used * (voxel.far - voxel.near);
        const Floats along_second = at.used * (voxel.near_step + at.part[0] * (voxel.far_step - voxel.near_step));
        sums[0] += at.used * (voxel.near + at.part[0] * (voxel.far - voxel.near));
        sums[1] += along_first;
        sums[2] += along_first * at.u;
        sums[3] += along_second;
        sums[4] += along_second * at.u;
    }
    for (int i = 0; i < 5; ++i) out[i] = total(sums[i]);
}

}  // namespace

const SkewKernels skew_kernels = {sum, scatter, derive};

}  // namespace svct::SVCT_ISA
