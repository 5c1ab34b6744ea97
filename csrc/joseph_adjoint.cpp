// The adjoint of Joseph's method: each pixel gathers from the rays that took from it, with the same weights.
#include "joseph.hpp"

#include "simd.hpp"

namespace svct::SVCT_ISA {
namespace {

enum Shape { parallel, flat, arc };

// Arctangent to a few units of the last place (Cephes, atanf).
inline Floats arctangent(Floats v) {
    const Floats a = absolute(v), one = fill(1.0f);
    const auto far = a > 2.414213562f, middling = a > 0.4142135624f;
    const Floats reduced = far ? -one / a : middling ? (a - one) / (a + one) : a;
    const Floats start = far ? fill(1.570796327f) : middling ? fill(0.7853981634f) : Floats{};
    const Floats z = reduced * reduced;
    const Floats series = ((fill(8.05374449538e-2f) * z - fill(1.38776856032e-1f)) * z + fill(1.99777106478e-1f)) * z -
                          fill(3.33329491539e-1f);
    const Floats angle = start + (series * z * reduced + reduced);
    return v < Floats{} ? -angle : angle;
}

// The rays of one run where they cross one line, seen from the pixels of that line.
template <Shape shape, bool sharp>
struct Crossing {
    const float *centre, *slope, *width, *width_slope;  // of the run's view
    float offset, middle, half, bend;
    float number, number_step, denominator, denominator_step;  // as Run has them, at mid-line
    float pitch, crossing;  // of parallel rays, and where the first meets the line
    bool coarse;            // few rays meet few pixels: every rounding counts
    int first, last;
    int taps;            // how many rays can touch one pixel of the line: 2, 4, ...
    int low, high;       // pixels that the run can touch lie within [low, high)
    bool rising = true;  // whether bins rise along the line
    // From where on, away from the source, a pixel spans less than 1, 1.5, 2 and 1.7 bins; see calm_from.
    static constexpr int far = 1 << 30;
    int calm[4];

    Crossing(const RayTable& rays, const Run& run, const Lines& lines, int r)
        : centre(rays.centre + std::int64_t(run.view) * rays.bins), slope(rays.slope + std::int64_t(run.view) * rays.bins),
          width(rays.width + std::int64_t(run.view) * rays.bins),
          width_slope(rays.width_slope + std::int64_t(run.view) * rays.bins), offset(r - (lines.count - 1) * 0.5f),
          middle((lines.length - 1) * 0.5f), half((rays.bins - 1) * 0.5f), bend(run.bend),
          number(float(run.number[0] + run.number[1] * middle + run.number[2] * r)),
          number_step(float(run.number[1])),
          denominator(float(run.denominator[0] + run.denominator[1] * middle + run.denominator[2] * r)),
          denominator_step(float(run.denominator[1])), pitch(run.pitch), crossing(centre[0] + slope[0] * offset),
          coarse(magnitude(run.pitch) > 1.5f), first(run.first), last(run.last), taps(run.taps), low(0), high(lines.length) {
        if constexpr (shape != parallel) {
            const float a = centre[first] + slope[first] * offset, b = centre[last - 1] + slope[last - 1] * offset;
            const float from = (a < b ? a : b) - 1.0f, to = (a < b ? b : a) + 1.0f, end = float(lines.length);
            if (from >= end || to <= -1.0f) {
                high = 0;
                return;
            }
            low = from > 0.0f ? int(from) : 0;
            high = to < end ? int(to) + 1 : lines.length;
            // Bins to a pixel are the derivative of bin_at.
            const float a_part = number_step * denominator, b_part = number * denominator_step;
            rising = a_part > b_part;
            const float change = magnitude(a_part - b_part) + 1e-6f * (magnitude(a_part) + magnitude(b_part));
            const float left = denominator + denominator_step * (low - 2.0f - middle);
            const float right = denominator + denominator_step * (high + 1.0f - middle);
            const float depth = left < right ? left : right;
            const float seen = depth > 0.0f ? change / (depth * depth) * 1.00001f : 1e30f;
            const int each_side = seen < float(rays.bins) ? int(seen) + 1 : rays.bins;
            for (int k = 0; k < 4; ++k) calm[k] = calm_from(change, k == 3 ? 1.7f : 1.0f + 0.5f * k);
            taps = 2 * each_side;
        }
    }

    // Bins to a pixel are change / denominator^2: the fewer, the farther from the source. Returns the first pixel from which
    // on `lanes` pixels span less than `most` bins each, counted from the line's near end on: p, or -p where the denominator
    // falls along the line.
    int calm_from(float change, float most) const {
        const float needed = larger(__builtin_sqrtf(change / most) * 1.00001f, 1e-6f);
        const float least = denominator_step < 0.0f ? -denominator_step : denominator_step;
        if (least < 1e-12f) return denominator >= needed ? -far : far;
        const float beyond_middle = (needed - denominator) / least;
        const float pixel = rising_depth() ? beyond_middle + middle + 1.0f : beyond_middle - middle + lanes;
        return pixel < -1e6f ? -far : pixel > 1e6f ? far : int(pixel + 1e6f) - 1000000 + 1;
    }

    bool rising_depth() const { return denominator_step >= 0.0f; }

    // How many rays can touch one of the pixels p ... p + lanes - 1, and whether all of those lie within a stretch.
    int taps_near(int p, bool& near) const {
        near = false;
        if constexpr (shape == parallel) return taps;
        const int place = rising_depth() ? p : -p;
        near = place >= calm[3];
        return place >= calm[0] ? 2 : place >= calm[1] ? 3 : place >= calm[2] ? 4 : taps;
    }

    // The bin, with its fraction, whose ray passes through each of the pixels `at`.
    Floats bin_at(Floats at) const {
        const Floats from_middle = at - fill(middle);
        Floats bin = fill(number) + fill(number_step) * from_middle;
        if constexpr (shape == parallel) return bin;
        // Pixels beside and behind the source see the detector's far ends.
        bin = bin * reciprocal(most(fill(denominator) + fill(denominator_step) * from_middle, fill(1e-6f)));
        if constexpr (shape == arc) bin = fill(half) + arctangent((bin - fill(half)) * fill(bend)) / fill(bend);
        return bin;
    }

    // The lowest bin of `taps` whose rays can touch a pixel at `exact`: those nearer than half of `taps`.
    Ints lowest(Floats exact, int taps) const {
        const Floats inside = least(most(exact, fill(first - 1.0f)), fill(last - 0.5f));
        return floor_index(inside - fill(taps % 2 * 0.5f)) - (taps / 2 - 1);
    }

    // Keeps bin and bin + 1 within the tables; outside of the run they count for nothing.
    Ints clamp(Ints bin) const {
        const Ints low = Ints{} + (first - 2), high = Ints{} + last;
        const Ints floor_bin = bin < low ? low : bin;
        return floor_bin > high ? high : floor_bin;
    }

    // What the rays of `bin` and bin + 1 put into the pixels `at`; nothing where they are not of this run. Parallel rays of
    // a view are one run and lie at even distances; beside them y is zero.
    Pair weight(const Window& window, Floats at, Ints bin) const {
        const Floats one = fill(1.0f), none{};
        Floats here, next;
        const Floats u = fill(offset);
        if (shape == parallel && !coarse) {
            const Floats distance = fill(crossing) - at + to_float(bin) * fill(pitch);
            here = absolute(distance);
            next = absolute(distance + fill(pitch));
        } else {
            const Pair c = window.pick(centre);
            const Pair s = shape == parallel ? Pair{fill(slope[0]), fill(slope[0])} : window.pick(slope);
            here = absolute(cross_at(c.here, s.here, u) - at);
            next = absolute(cross_at(c.next, s.next, u) - at);
        }
        if constexpr (!sharp) {
            here = most(one - here, none);
            next = most(one - next, none);
        } else if constexpr (shape == parallel) {
            here = sharpen(one - here, steepness(fill(pitch)));
            next = sharpen(one - next, steepness(fill(pitch)));
        } else {
            const Pair w = window.pick(width), s = window.pick(width_slope);
            here = sharpen(one - here, steepness(w.here + s.here * fill(offset)));
            next = sharpen(one - next, steepness(w.next + s.next * fill(offset)));
        }
        if constexpr (shape == parallel) return {here, next};
        return {(bin >= first) & (bin < last) ? here : none, (bin >= first - 1) & (bin < last - 1) ? next : none};
    }
};

// Where the rays near some pixels of a line cross it; none of the run, beyond its ends. For parallel rays, which lie at even
// distances, and for sharp ones it holds nothing and covers nothing.
template <Shape shape, bool sharp>
class Positions {
    static constexpr int capacity = 1536, most_taps = 8;
    int low = 0, high = 0;  // bins [low, high)
    alignas(64) float places[shape == parallel || sharp ? 1 : capacity + 3 * lanes];

public:
    Positions(const Crossing<shape, sharp>& crossing, int start, int stop) {
        if constexpr (shape != parallel && !sharp) {
            const int end = start + (stop - start + lanes - 1) / lanes * lanes - 1;
            const Floats ends = counting() * fill(float(end - start)) + fill(float(start));  // in the first two lanes
            const Ints bins = crossing.lowest(crossing.bin_at(ends), crossing.taps);
            const int from = smaller(bins[0], bins[1]), to = larger(bins[0], bins[1]) + crossing.taps;
            if (crossing.taps > most_taps || to - from > capacity) return;
            low = from - 1;  // bins rise or fall steadily, but for rounding
            high = to + 1;
            for (int j = low; j < high; j += lanes)
                store(places + j - low, cross_at(load(crossing.centre + j), load(crossing.slope + j), fill(crossing.offset)));
            for (int j = low; j < smaller(crossing.first, high); ++j) places[j - low] = 1e30f;
            for (int j = larger(crossing.last, low); j < high; ++j) places[j - low] = 1e30f;
        }
    }

    bool empty() const { return low == high; }

    // Adds what the rays of `taps` bins, 2 to 4, from `bin` on put into the pixels `at`: all within a stretch from `first`.
    void add_near(Floats& sum, Floats at, Ints bin, int first, int taps, const float* y) const {
        const Stretch place(places, first - low), value(y, first);
        const Ints local = bin - first;
        auto take = [&](int t) {
            sum += most(fill(1.0f) - absolute(place.at(local + t) - at), Floats{}) * value.at(local + t);
        };
        take(0);
        take(1);
        if (taps > 2) take(2);
        if (taps > 3) take(3);
    }

    // Adds what the rays of `taps` bins from `bin` on put into the pixels `at`, if they are near each other.
    bool add(Floats& sum, Floats at, Ints bin, int taps, const float* y) const {
        if constexpr (shape == parallel || sharp) return false;
        constexpr int half = lanes / 2;
        auto span = [&](int first, int last) { return larger(bin[first], bin[last]) - smaller(bin[first], bin[last]) + taps; };
        const int from = smaller(bin[0], bin[lanes - 1]), to = larger(bin[0], bin[lanes - 1]) + taps;
        if (from < low || to > high) return false;
        if (to - from <= 2 * lanes) {
            const Stretch place(places, from - low), value(y, from);
            for (int t = 0; t < taps; ++t)
                sum += most(fill(1.0f) - absolute(place.at(bin - from + t) - at), Floats{}) * value.at(bin - from + t);
            return true;
        }
        if (span(0, half - 1) > 2 * lanes || span(half, lanes - 1) > 2 * lanes) return false;
        const int left = smaller(bin[0], bin[half - 1]), right = smaller(bin[half], bin[lanes - 1]);
        const Stretch left_place(places, left - low), left_value(y, left);
        const Stretch right_place(places, right - low), right_value(y, right);
        const auto in_left = counting() < fill(float(half));
        for (int t = 0; t < taps; ++t) {
            const Floats place = in_left ? left_place.at(bin - left + t) : right_place.at(bin - right + t);
            const Floats value = in_left ? left_value.at(bin - left + t) : right_value.at(bin - right + t);
            sum += most(fill(1.0f) - absolute(place - at), Floats{}) * value;
        }
        return true;
    }
};

template <Shape shape, bool sharp>
void gather(const RayTable& rays, const Run* runs, int run_count, const Lines& lines, const Tile& tile, const float* y) {
    const std::int64_t view_stride = rays.bins + 2 * pad;
    for (int k = 0; k < run_count; ++k) {
        const Run& run = runs[k];
        const float* view = y + run.view * view_stride + pad;
        const int end = smaller(tile.last_line, run.last_line);
        for (int r = larger(tile.first_line, run.first_line); r < end; ++r) {
            const Crossing<shape, sharp> crossing(rays, run, lines, r);
            float* line = lines.data + std::int64_t(r) * lines.stride + pad;
            const int start = tile.first + larger(crossing.low - tile.first, 0) / lanes * lanes;
            const int stop = smaller(tile.last, crossing.high);
            if (start >= stop) continue;
            const Positions<shape, sharp> positions(crossing, start, stop);
            for (int p = start; p < stop; p += lanes) {
                const Floats at = counting() + fill(float(p)), exact = crossing.bin_at(at);
                bool near;
                const int taps = crossing.taps_near(p, near);
                const Ints bin = crossing.lowest(exact, taps);
                Floats sum = load(line + p);
                if (near && !positions.empty()) {
                    positions.add_near(sum, at, bin, crossing.rising ? bin[0] : bin[lanes - 1], taps, view);
                    store(line + p, sum);
                    continue;
                }
                if (positions.add(sum, at, bin, taps, view)) {
                    store(line + p, sum);
                    continue;
                }
                for (int t = 0; t < taps; t += 2) {
                    const Ints from = taps == 2 ? bin : crossing.clamp(bin + t);
                    const Window window(from);
                    const Pair weight = crossing.weight(window, at, from), value = window.pick(view);
                    sum += weight.here * value.here + weight.next * value.next;
                }
                store(line + p, sum);
            }
        }
    }
}

template <Shape shape, bool sharp>
void gather_batch(const RayTable& rays, const Run* runs, int run_count, const Lines& lines, const Tile& tile,
                  const float* y) {
    const std::int64_t view_stride = rays.bins + 2 * pad;
    for (int k = 0; k < run_count; ++k) {
        const Run& run = runs[k];
        const float* view = y + (run.view * view_stride + pad) * lanes;
        const int end = smaller(tile.last_line, run.last_line);
        for (int r = larger(tile.first_line, run.first_line); r < end; ++r) {
            const Crossing<shape, sharp> crossing(rays, run, lines, r);
            float* line = lines.data + (std::int64_t(r) * lines.stride + pad) * lanes;
            const int start = tile.first + larger(crossing.low - tile.first, 0) / lanes * lanes;
            for (int p = start; p < smaller(tile.last, crossing.high); p += lanes) {
                const Floats at = counting() + fill(float(p)), exact = crossing.bin_at(at);
                bool near;
                const int taps = crossing.taps_near(p, near);
                const Ints bin = crossing.lowest(exact, taps);
                for (int t = 0; t < taps; t += 2) {
                    const Ints from = taps == 2 ? bin : crossing.clamp(bin + t);
                    const Pair weight = crossing.weight(Window(from), at, from);
                    alignas(64) float here[lanes], next[lanes];
                    alignas(64) std::int32_t index[lanes];
                    store(here, weight.here);
                    store(next, weight.next);
                    store(index, from * lanes);
                    for (int l = 0; l < lanes; ++l) {
                        float* pixel = line + (p + l) * lanes;
                        const float* value = view + index[l];
                        store(pixel, load(pixel) + fill(here[l]) * load(value) + fill(next[l]) * load(value + lanes));
                    }
                }
            }
        }
    }
}

template <bool sharp>
void pick_shape(const RayTable& rays, const Run* runs, int run_count, const Lines& lines, const Tile& tile, const float* y) {
    const auto kernel = rays.beam.curved      ? gather<arc, sharp>
                        : rays.beam.divergent ? gather<flat, sharp>
                                              : gather<parallel, sharp>;
    kernel(rays, runs, run_count, lines, tile, y);
}

template <bool sharp>
void pick_shape_batch(const RayTable& rays, const Run* runs, int run_count, const Lines& lines, const Tile& tile,
                      const float* y) {
    const auto kernel = rays.beam.curved      ? gather_batch<arc, sharp>
                        : rays.beam.divergent ? gather_batch<flat, sharp>
                                              : gather_batch<parallel, sharp>;
    kernel(rays, runs, run_count, lines, tile, y);
}

void adjoint(const RayTable& rays, const Run* runs, int run_count, const Lines& lines, const Tile& tile, const float* y) {
    (rays.beam.sharp ? pick_shape<true> : pick_shape<false>)(rays, runs, run_count, lines, tile, y);
}

void adjoint_batch(const RayTable& rays, const Run* runs, int run_count, const Lines& lines, const Tile& tile,
                   const float* y) {
    (rays.beam.sharp ? pick_shape_batch<true> : pick_shape_batch<false>)(rays, runs, run_count, lines, tile, y);
}

}  // namespace

const AdjointKernels adjoint_kernels = {adjoint, adjoint_batch};

}  // namespace svct::SVCT_ISA
