// Joseph's method (Joseph 1982, IEEE Trans. Med. Imaging 1:192): along the main axis a ray meets one line of pixels after
// another and takes each by linear interpolation between two neighbours. The adjoint gathers, for each pixel, the rays that
// took from it, with the same weights.
#include "joseph.hpp"

#include <cstdint>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace svct::SVCT_ISA {
namespace {

typedef float Floats __attribute__((vector_size(4 * lanes), aligned(4)));
typedef std::int32_t Ints __attribute__((vector_size(4 * lanes), aligned(4)));

inline Floats load(const float* p) { return *reinterpret_cast<const Floats*>(p); }
inline void store(float* p, Floats v) { *reinterpret_cast<Floats*>(p) = v; }
inline Floats fill(float v) { return v - Floats{}; }
inline Floats least(Floats a, Floats b) { return a < b ? a : b; }
inline Floats most(Floats a, Floats b) { return a > b ? a : b; }
inline Floats absolute(Floats v) { return most(v, -v); }
inline int smaller(int a, int b) { return a < b ? a : b; }
inline int larger(int a, int b) { return a > b ? a : b; }

// Largest integer not above v, for v >= -pad.
inline Ints floor_index(Floats v) { return __builtin_convertvector(v + fill(pad), Ints) - pad; }
inline Floats to_float(Ints v) { return __builtin_convertvector(v, Floats); }

constexpr Floats counting() {
    Floats v{};
    for (int l = 0; l < lanes; ++l) v[l] = float(l);
    return v;
}

// table[index] for `lanes` indices that rise or fall steadily: mostly a window that two registers hold.
inline Floats pick(const float* table, Ints index) {
#if defined(__AVX512F__)
    const int low = smaller(index[0], index[lanes - 1]), high = larger(index[0], index[lanes - 1]);
    if (high - low < 2 * lanes) {
        const __m512i local = _mm512_sub_epi32((__m512i)index, _mm512_set1_epi32(low));
        return (Floats)_mm512_permutex2var_ps(_mm512_loadu_ps(table + low), local, _mm512_loadu_ps(table + low + lanes));
    }
    return (Floats)_mm512_i32gather_ps((__m512i)index, table, 4);
#elif defined(__AVX2__)
    union { Ints all; __m256i half[2]; } from = {index};
    union { __m256 half[2]; Floats all; } to;
    to.half[0] = _mm256_i32gather_ps(table, from.half[0], 4);
    to.half[1] = _mm256_i32gather_ps(table, from.half[1], 4);
    return to.all;
#else
    Floats v;
    for (int l = 0; l < lanes; ++l) v[l] = table[index[l]];
    return v;
#endif
}

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

void forward(const RayTable& rays, const Run& run, const Lines& lines, int first, int last, float* y) {
    const float middle = (lines.count - 1) * 0.5f;
    const std::int64_t base = std::int64_t(run.view) * rays.bins;
    for (int j = first; j < last; j += lanes) {
        const int used = smaller(lanes, last - j);
        Floats centre, slope;
        if (used == lanes) {
            centre = load(rays.centre + base + j);
            slope = load(rays.slope + base + j);
        } else {
            for (int l = 0; l < lanes; ++l) {
                centre[l] = rays.centre[base + j + smaller(l, used - 1)];
                slope[l] = rays.slope[base + j + smaller(l, used - 1)];
            }
        }
        int low, high, low_end, high_end;
        clip_lines(centre[0], slope[0], lines, low, high);
        clip_lines(centre[lanes - 1], slope[lanes - 1], lines, low_end, high_end);
        if (low >= high) { low = low_end; high = high_end; }
        else if (low_end < high_end) { low = smaller(low, low_end); high = larger(high, high_end); }

        Floats sum{};
        for (int r = low; r < high; ++r) {
            Floats position = centre + slope * fill(r - middle);
            position = least(most(position, fill(-1.0f)), fill(float(lines.length)));
            const Ints index = floor_index(position);
            const Floats part = position - to_float(index);
            const float* line = lines.data + std::int64_t(r) * lines.stride + pad;
            const Floats here = pick(line, index), next = pick(line + 1, index);
            sum += here + part * (next - here);
        }
        for (int l = 0; l < used; ++l) y[base + j + l] = sum[l] * rays.weight[base + j + l];
    }
}

void forward_batch(const RayTable& rays, const Run& run, const Lines& lines, float* y) {
    constexpr int block = 64;  // lines whose pixels near one ray stay in the first-level cache
    const float middle = (lines.count - 1) * 0.5f;
    const std::int64_t base = std::int64_t(run.view) * rays.bins;
    for (int j = run.first; j < run.last; ++j) store(y + j * lanes, Floats{});
    for (int start = 0; start < lines.count; start += block) {
        for (int j = run.first; j < run.last; ++j) {
            const float centre = rays.centre[base + j], slope = rays.slope[base + j];
            int low, high;
            clip_lines(centre, slope, lines, low, high);
            low = larger(low, start);
            high = smaller(high, start + block);
            if (low >= high) continue;
            Floats sum = load(y + j * lanes);
            for (int r = low; r < high; ++r) {
                float position = centre + slope * (r - middle);
                position = position > -1.0f ? position : -1.0f;
                position = position < float(lines.length) ? position : float(lines.length);
                const int index = int(position + pad) - pad;
                const float part = position - float(index);
                const float* pixel = lines.data + (std::int64_t(r) * lines.stride + pad + index) * lanes;
                const Floats here = load(pixel), next = load(pixel + lanes);
                sum += here + fill(part) * (next - here);
            }
            store(y + j * lanes, sum);
        }
    }
    for (int j = run.first; j < run.last; ++j) {
        store(y + j * lanes, load(y + j * lanes) * fill(rays.weight[base + j]));
    }
}

// What one run sees of one line: where each of its rays crosses, and the first bin that can touch given pixels.
struct Crossing {
    const float* position;  // by bin, valid from -pad to bins + pad; far away where the run has no ray
    float number, number_step, denominator, denominator_step, middle;
    int below, first, last;  // taps below the bin found; bins of the run
    bool divergent;

    Ints first_bin(Floats p) const {
        const Floats from_middle = p - fill(middle);
        Floats bin = fill(number) + fill(number_step) * from_middle;
        if (divergent) bin /= fill(denominator) + fill(denominator_step) * from_middle;
        bin = least(most(bin, fill(first - 1.0f)), fill(float(last)));
        return floor_index(bin) - below;
    }

    Floats weight(Floats p, Ints bin) const { return most(fill(1.0f) - absolute(pick(position, bin) - p), Floats{}); }
};

// Fills scratch with the crossings of one line, and says which pixels [low, high) they can touch.
inline Crossing cross_line(const RayTable& rays, const Run& run, const Lines& lines, int r, float* scratch, int& low,
                           int& high) {
    const float offset = r - (lines.count - 1) * 0.5f;
    const std::int64_t base = std::int64_t(run.view) * rays.bins;
    float* position = scratch + pad;
    const int margin = smaller(pad, run.taps + lanes);
    for (int j = run.first - margin; j < run.first; ++j) position[j] = -1e9f;
    for (int j = run.first; j < run.last; ++j) {
        position[j] = rays.centre[base + j] + rays.slope[base + j] * offset;
    }
    for (int j = run.last; j < run.last + margin; ++j) position[j] = -1e9f;

    const float a = position[run.first], b = position[run.last - 1];
    const float left = a < b ? a : b, right = a < b ? b : a;
    low = left > 1.0f ? (left < float(lines.length) ? int(left) - 1 : lines.length) : 0;
    high = right < float(lines.length) ? (right > -2.0f ? int(right + 2.0f) : 0) : lines.length;
    high = smaller(high, lines.length);

    const double middle = (lines.length - 1) / 2.0;
    const double number = run.number[0] + run.number[1] * middle + run.number[2] * r;
    const double denominator = run.denominator[0] + run.denominator[1] * middle + run.denominator[2] * r;
    const bool divergent = run.denominator[1] != 0.0 || run.denominator[2] != 0.0;
    const double scale = 1.0 / denominator;
    return {position, float(number * scale), float(run.number[1] * scale), 1.0f, float(run.denominator[1] * scale),
            float(middle), run.taps / 2 - 1, run.first, run.last, divergent};
}

void adjoint(const RayTable& rays, const Run* runs, int run_count, const Lines& lines, int first, int last,
             const float* y, float* scratch) {
    const std::int64_t view_stride = rays.bins + 2 * pad;
    for (int k = 0; k < run_count; ++k) {
        const Run& run = runs[k];
        const float* view = y + run.view * view_stride + pad;
        for (int r = first; r < last; ++r) {
            int low, high;
            const Crossing crossing = cross_line(rays, run, lines, r, scratch, low, high);
            float* line = lines.data + std::int64_t(r) * lines.stride + pad;
            for (int p = low; p < high; p += lanes) {
                const Floats at = counting() + fill(float(p));
                Ints bin = crossing.first_bin(at);
                Floats sum = load(line + p);
                for (int t = 0; t < run.taps; ++t, bin += 1) {
                    const Ints inside = run.taps == 2 ? bin : (bin > run.last ? run.last - Ints{} : (bin < run.first - 1 ? run.first - 1 - Ints{} : bin));
                    sum += crossing.weight(at, inside) * pick(view, inside);
                }
                store(line + p, sum);
            }
        }
    }
}

void adjoint_batch(const RayTable& rays, const Run* runs, int run_count, const Lines& lines, int first, int last,
                   const float* y, float* scratch) {
    const std::int64_t view_stride = rays.bins + 2 * pad;
    for (int k = 0; k < run_count; ++k) {
        const Run& run = runs[k];
        const float* view = y + (run.view * view_stride + pad) * lanes;
        for (int r = first; r < last; ++r) {
            int low, high;
            const Crossing crossing = cross_line(rays, run, lines, r, scratch, low, high);
            float* line = lines.data + (std::int64_t(r) * lines.stride + pad) * lanes;
            for (int p = low; p < high; p += lanes) {
                const Floats at = counting() + fill(float(p));
                Ints bin = crossing.first_bin(at);
                const int used = smaller(lanes, high - p);
                for (int t = 0; t < run.taps; t += 2, bin += 2) {
                    const Ints floor_bin = bin < run.first - 1 ? run.first - 1 - Ints{} : bin;
                    const Ints one = floor_bin > run.last ? run.last - Ints{} : floor_bin;
                    const Ints up = bin + 1 < run.first - 1 ? run.first - 1 - Ints{} : bin + 1;
                    const Ints two = up > run.last ? run.last - Ints{} : up;
                    const Floats first_weight = crossing.weight(at, one), second_weight = crossing.weight(at, two);
                    for (int l = 0; l < used; ++l) {
                        float* pixel = line + (p + l) * lanes;
                        store(pixel, load(pixel) + fill(first_weight[l]) * load(view + one[l] * lanes) +
                                         fill(second_weight[l]) * load(view + two[l] * lanes));
                    }
                }
            }
        }
    }
}

}  // namespace

const Kernels kernels = {
#define SVCT_TEXT(x) #x
#define SVCT_NAME(x) SVCT_TEXT(x)
    SVCT_NAME(SVCT_ISA), forward, forward_batch, adjoint, adjoint_batch};

}  // namespace svct::SVCT_ISA
