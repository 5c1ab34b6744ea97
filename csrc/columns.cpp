// Joseph's method in three dimensions (Joseph 1982, IEEE Trans. Med. Imaging 1:192) with the path of a detector column worked
// out once for all of its rows: in each plane two fibres of voxels along z are blended into one profile, which the rows then
// sample. The adjoint spreads the rows into a profile and adds that to the two fibres. Planes are blocked by the caller, so
// that every block of voxels has one writer.
#include "columns.hpp"

#include "simd.hpp"

namespace svct::SVCT_ISA {
namespace {

// Where the rays of one column cross one plane.
struct Cut {
    int index;             // the fibre below the crossing
    float part;            // and how far beyond it the crossing lies
    float height, spacing;  // z of row 0, and from one row to the next
    bool inside;
    Floats steep;           // of the overlap of sharp rays along z

    Cut(const ColumnTable& t, std::int64_t c, const Planes& planes, int r) {
        const float u = r - (planes.count - 1) * 0.5f;
        const float position = t.centre[c] + t.slope[c] * u;
        height = t.z[c] + t.z_slope[c] * u;
        spacing = t.rise[c] + t.rise_slope[c] * u;
        inside = position > -1.0f && position < float(planes.length) && (spacing > 1e-6f || spacing < -1e-6f);
        index = inside ? smaller(floor_index(position), planes.length - 1) : 0;  // floor_index may round up to it
        part = position - float(index);
        if (t.width) {
            part = sharpen(fill(part), steepness(fill(t.width[c] + t.width_slope[c] * u)))[0];
            steep = steepness(fill(spacing));
        }
    }
};

inline int clamp_index(float v, int low, int high) {
    return v <= float(low) ? low : v >= float(high) ? high : int(v);
}

void forward(const ColumnTable& t, std::int64_t c, const Planes& planes, int first_plane, int last_plane, float* y,
             float* profile) {
    const int last = smaller(last_plane, t.high[c]), depth = planes.depth;
    for (int r = larger(first_plane, t.low[c]); r < last; ++r) {
        const Cut cut(t, c, planes, r);
        if (!cut.inside) continue;
        const float to_row = 1.0f / cut.spacing;
        const float a = (-1.0f - cut.height) * to_row, b = (depth - cut.height) * to_row;
        const int low = clamp_index(a < b ? a : b, 0, t.rows), high = clamp_index((a < b ? b : a) + 2.0f, 0, t.rows);
        if (low >= high) continue;

        const float from = cut.height + cut.spacing * low, to = cut.height + cut.spacing * (high - 1);
        const int bottom = clamp_index((from < to ? from : to) - 1.0f, 0, depth);
        const int top = clamp_index((from < to ? to : from) + 3.0f, 0, depth);
        const float* here = planes.data + r * planes.plane_stride + cut.index * planes.fibre_stride;
        const float* next = here + planes.fibre_stride;
        for (int k = bottom / lanes * lanes; k < top; k += lanes) {
            const Floats value = load(here + k);
            store(profile + k, value + fill(cut.part) * (load(next + k) - value));
        }
        for (int i = low; i < high; i += lanes) {
            Floats z = fill(cut.height) + fill(cut.spacing) * (counting() + fill(float(i)));
            z = least(most(z, fill(-1.0f)), fill(float(depth)));
            const Ints index = floor_index(z);
            Floats part = z - to_float(index);
            if (t.width) part = sharpen(part, cut.steep);
            const Pair value = Window(index).pick(profile);
            store(y + i, load(y + i) + value.here + part * (value.next - value.here));
        }
    }
}

// The first column of a run, from `first` on, whose crossing lies beyond `limit`, or the last.
int find(const ColumnTable& t, std::int64_t base, int first, int last, float u, float limit, bool rising) {
    while (first < last) {
        const int half = (first + last) / 2;
        const float position = t.centre[base + half] + t.slope[base + half] * u;
        if (rising ? position > limit : position < limit) last = half;
        else first = half + 1;
    }
    return first;
}

// Adds the rows of one column to fibres `here` and `next` with weights of their own.
void spread_rows(const ColumnTable& t, const Cut& cut, const Planes& planes, const float* y, float* here, float weight,
                 float* next, float next_weight) {
    const float a = cut.height, b = cut.height + cut.spacing * (t.rows - 1);
    const int bottom = clamp_index((a < b ? a : b) - 1.0f, 0, planes.depth);
    const int top = clamp_index((a < b ? b : a) + 2.0f, 0, planes.depth);
    const float to_row = 1.0f / cut.spacing, narrow = to_row < 0.0f ? -to_row : to_row;
    const int each_side = narrow <= 1.00001f ? 1 : clamp_index(narrow - 1e-5f, 1, t.rows) + 1;
    const Floats one = fill(1.0f), none{};
    const Ints rows = Ints{} + t.rows;
    for (int k = bottom / lanes * lanes; k < top; k += lanes) {
        const Floats z = counting() + fill(float(k));
        const Floats exact = (z - fill(cut.height)) * fill(to_row);
        const Ints lowest = floor_index(least(most(exact, fill(-1.0f)), fill(t.rows - 0.5f))) - (each_side - 1);
        Floats sum{};
        for (int tap = 0; tap < 2 * each_side; tap += 2) {
            Ints row = lowest + tap;
            if (each_side > 1) {
                row = row < Ints{} - 2 ? Ints{} - 2 : row;
                row = row > rows ? rows : row;
            }
            const Pair value = Window(row).pick(y);
            const Floats distance = fill(cut.height) + fill(cut.spacing) * to_float(row) - z;
            Floats first = most(one - absolute(distance), none);
            Floats second = most(one - absolute(distance + fill(cut.spacing)), none);
            if (t.width) {
                first = sharpen(first, cut.steep);
                second = sharpen(second, cut.steep);
            }
            sum += ((row >= Ints{}) & (row < rows) ? first : none) * value.here;
            sum += ((row >= Ints{} - 1) & (row < rows - 1) ? second : none) * value.next;
        }
        if (weight != 0.0f) store(here + k, load(here + k) + fill(weight) * sum);
        if (next_weight != 0.0f) store(next + k, load(next + k) + fill(next_weight) * sum);
    }
}

void adjoint(const ColumnTable& t, const ColumnRun& run, const Planes& planes, const Block& block, const float* y,
             int row_stride) {
    const std::int64_t base = std::int64_t(run.view) * t.columns;
    for (int r = block.first_plane; r < block.last_plane; ++r) {
        const float u = r - (planes.count - 1) * 0.5f;
        const bool rising = t.centre[base + run.first] + t.slope[base + run.first] * u <
                            t.centre[base + run.last - 1] + t.slope[base + run.last - 1] * u;
        const float below = block.first - 1.0f, above = float(block.last);
        const int first = find(t, base, run.first, run.last, u, rising ? below : above, rising);
        for (int j = first; j < run.last; ++j) {
            const std::int64_t c = base + j;
            const float position = t.centre[c] + t.slope[c] * u;
            if (rising ? position >= above : position <= below) break;
            if (r < t.low[c] || r >= t.high[c]) continue;
            const Cut cut(t, c, planes, r);
            if (!cut.inside) continue;
            float* here = planes.data + r * planes.plane_stride + cut.index * planes.fibre_stride;
            const bool keep_here = cut.index >= block.first && cut.index < block.last;
            const bool keep_next = cut.index + 1 >= block.first && cut.index + 1 < block.last;
            spread_rows(t, cut, planes, y + c * row_stride, here, keep_here ? 1.0f - cut.part : 0.0f,
                        here + planes.fibre_stride, keep_next ? cut.part : 0.0f);
        }
    }
}

}  // namespace

const ColumnKernels column_kernels = {forward, adjoint};

}  // namespace svct::SVCT_ISA
