// Joseph's method (Joseph 1982, IEEE Trans. Med. Imaging 1:192): along the main axis a ray meets one line of pixels after
// another and takes each by linear interpolation between two neighbours.
#include "joseph.hpp"

#include "simd.hpp"

namespace svct::SVCT_ISA {
namespace {

// Lines [low, high) on which a ray at centre + slope * (r - middle) can touch positions in (-1, length).
inline void clip_lines(float centre, float slope, const Lines& lines, int& low, int& high) {
    const float middle = (lines.count - 1) * 0.5f, reach = lines.length + 1.0f;
    low = 0;
    high = lines.count;
    if (slope > 1e-6f || slope < -1e-6f) {
        const float a = (-2.0f - centre) / slope + middle, b = (reach - centre) / slope + middle;
        const float enter = a < b ? a : b, leave = a < b ? b : a;
        if (enter > 0.0f) low = enter < float(high) ? int(enter) : high;
        if (leave < float(high)) high = leave > -1.0f ? int(leave) + 1 : 0;
    } else if (centre < -2.0f || centre > reach) {
        high = 0;
    }
    if (high > lines.count) high = lines.count;
}

inline Floats length(const RayTable& rays, Floats slope) {
    return fill(rays.voxel_mm) * root(fill(1.0f) + slope * slope);
}

void lengths(const RayTable& rays, int view, float* out) {
    const float* slope = rays.slope + std::int64_t(view) * rays.bins;
    int j = 0;
    for (; j + lanes <= rays.bins; j += lanes) store(out + j, length(rays, load(slope + j)));
    for (; j < rays.bins; ++j) out[j] = length(rays, fill(slope[j]))[0];
}

template <bool sharp>
void take(const RayTable& rays, const Run& run, const Lines& lines, int first, int last, float* y) {
    const float middle = (lines.count - 1) * 0.5f;
    const std::int64_t base = std::int64_t(run.view) * rays.bins;
    for (int j = first; j < last; j += lanes) {
        const int used = smaller(lanes, last - j);
        // Lanes behind the last ray follow it once more.
        auto of_rays = [&](const float* table) {
            if (used == lanes) return load(table + base + j);
            Floats v;
            for (int l = 0; l < lanes; ++l) v[l] = table[base + j + smaller(l, used - 1)];
            return v;
        };
        const Floats centre = of_rays(rays.centre), slope = of_rays(rays.slope);
        Floats width{}, width_slope{};
        if constexpr (sharp) {
            width = of_rays(rays.width);
            width_slope = of_rays(rays.width_slope);
        }
        // The rays between the outermost two cannot touch a line that both of these pass on the same side.
        auto misses = [&](int r) {
            const float a = centre[0] + slope[0] * (r - middle), b = centre[lanes - 1] + slope[lanes - 1] * (r - middle);
            return (a <= -1.0f && b <= -1.0f) || (a >= float(lines.length) && b >= float(lines.length));
        };
        int low = run.first_line, high = run.last_line;
        while (low < high && misses(low)) ++low;
        while (high > low && misses(high - 1)) --high;

        Floats sum{};
        for (int r = low; r < high; ++r) {
            Floats position = cross_at(centre, slope, fill(r - middle));
            position = least(most(position, fill(-1.0f)), fill(float(lines.length)));
            const Ints index = floor_index(position);
            Floats part = position - to_float(index);
            if constexpr (sharp) part = sharpen(part, steepness(width + width_slope * fill(r - middle)));
            const float* line = lines.data + std::int64_t(r) * lines.stride + pad;
            const Pair pixel = Window(index).pick(line);
            sum += pixel.here + part * (pixel.next - pixel.here);
        }
        sum *= length(rays, slope);
        for (int l = 0; l < used; ++l) y[base + j + l] = sum[l];
    }
}

template <bool sharp>
void take_batch(const RayTable& rays, const Run& run, const Lines& lines, int first_line, int last_line, float* y) {
    const float middle = (lines.count - 1) * 0.5f;
    const std::int64_t base = std::int64_t(run.view) * rays.bins;
    for (int j = run.first; j < run.last; ++j) {
        const float centre = rays.centre[base + j], slope = rays.slope[base + j];
        int low, high;
        clip_lines(centre, slope, lines, low, high);
        low = larger(low, larger(first_line, run.first_line));
        high = smaller(high, smaller(last_line, run.last_line));
        if (low >= high) continue;
        Floats even = load(y + j * lanes), odd{};
        for (int start = low; start < high; start += lanes) {
            const Floats u = counting() + fill(start - middle);
            Floats position = cross_at(fill(centre), fill(slope), u);
            position = least(most(position, fill(-1.0f)), fill(float(lines.length)));
            const Ints index = floor_index(position);
            alignas(64) float part[lanes];
            alignas(64) std::int32_t offset[lanes];
            Floats to_next = position - to_float(index);
            if constexpr (sharp) {
                const Floats width = fill(rays.width[base + j]) + fill(rays.width_slope[base + j]) * u;
                to_next = sharpen(to_next, steepness(width));
            }
            store(part, to_next);
            store(offset, (index + __builtin_convertvector(counting(), Ints) * lines.stride) * lanes);
            const float* corner = lines.data + (std::int64_t(start) * lines.stride + pad) * lanes;
            auto value = [&](int l) {
                const Floats here = load(corner + offset[l]), next = load(corner + offset[l] + lanes);
                return here + fill(part[l]) * (next - here);
            };
            const int count = smaller(lanes, high - start);
            int l = 0;
            for (; l + 1 < count; l += 2) {
                even += value(l);
                odd += value(l + 1);
            }
            if (l < count) even += value(l);
        }
        store(y + j * lanes, even + odd);
    }
}

void forward(const RayTable& rays, const Run& run, const Lines& lines, int first, int last, float* y) {
    (rays.beam.sharp ? take<true> : take<false>)(rays, run, lines, first, last, y);
}

void forward_batch(const RayTable& rays, const Run& run, const Lines& lines, int first_line, int last_line, float* y) {
    (rays.beam.sharp ? take_batch<true> : take_batch<false>)(rays, run, lines, first_line, last_line, y);
}

}  // namespace

const ForwardKernels forward_kernels = {forward, lengths, forward_batch};

}  // namespace svct::SVCT_ISA
