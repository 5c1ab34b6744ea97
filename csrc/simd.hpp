// Vectors of `lanes` floats, in whatever registers the instruction set of this compilation has. Everything is static: each
// instruction set compiles its own copy.
#pragma once

#include <cstdint>

#include "rays.hpp"

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace svct {
namespace SVCT_ISA {
namespace {

typedef float Floats __attribute__((vector_size(4 * lanes), aligned(4)));
typedef std::int32_t Ints __attribute__((vector_size(4 * lanes), aligned(4)));

inline Floats load(const float* p) { return *reinterpret_cast<const Floats*>(p); }
inline void store(float* p, Floats v) { *reinterpret_cast<Floats*>(p) = v; }
inline void store(std::int32_t* p, Ints v) { *reinterpret_cast<Ints*>(p) = v; }
inline Floats fill(float v) { return v - Floats{}; }
inline Floats least(Floats a, Floats b) { return a < b ? a : b; }
inline Floats most(Floats a, Floats b) { return a > b ? a : b; }
inline Floats absolute(Floats v) { return (Floats)((Ints)v & 0x7fffffff); }
inline float magnitude(float v) { return v < 0.0f ? -v : v; }
inline int smaller(int a, int b) { return a < b ? a : b; }
inline int larger(int a, int b) { return a > b ? a : b; }
inline float larger(float a, float b) { return a > b ? a : b; }

// Largest integer not above v, for v >= -pad.
inline Ints floor_index(Floats v) {
#if defined(__AVX512F__)
    return (Ints)_mm512_cvt_roundps_epi32((__m512)v, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
#else
    return __builtin_convertvector(v + fill(pad), Ints) - pad;
#endif
}
inline int floor_index(float v) { return int(v + pad) - pad; }
inline Floats to_float(Ints v) { return __builtin_convertvector(v, Floats); }

constexpr Floats counting() {
    Floats v{};
    for (int l = 0; l < lanes; ++l) v[l] = float(l);
    return v;
}

inline float total(Floats v) {
    float sum = 0.0f;
    for (int l = 0; l < lanes; ++l) sum += v[l];
    return sum;
}

// Where a ray crosses a line: centre + slope u, rounded alike wherever it is worked out.
inline Floats cross_at(Floats centre, Floats slope, Floats u) {
#if defined(__AVX512F__)
    return (Floats)_mm512_fmadd_ps((__m512)slope, (__m512)u, (__m512)centre);
#elif defined(__FMA__)
    for (int l = 0; l < lanes; ++l) centre[l] = __builtin_fmaf(slope[l], u[l], centre[l]);
    return centre;
#else
    return centre + slope * u;
#endif
}

inline Floats root(Floats v) {
#if defined(__AVX512F__)
    return (Floats)_mm512_sqrt_ps((__m512)v);
#else
    for (int l = 0; l < lanes; ++l) v[l] = __builtin_sqrtf(v[l]);
    return v;
#endif
}

// 1 / v to about 1e-7, without the division's wait where the instruction set has an estimate.
inline Floats reciprocal(Floats v) {
#if defined(__AVX512F__)
    const Floats estimate = (Floats)_mm512_rcp14_ps((__m512)v);
    return estimate * (fill(2.0f) - v * estimate);
#else
    return fill(1.0f) / v;
#endif
}

// How much steeper than Joseph's interpolation a bin of some width, in pixels, goes from one pixel to the next.
inline Floats steepness(Floats width) { return most(fill(1.0f) / most(absolute(width), fill(1e-3f)), fill(1.0f)); }

// The share of the next pixel, `part` of the way to it, for a bin whose overlap changes so steeply; its edges lie half-way.
inline Floats sharpen(Floats part, Floats steep) {
    return least(most((part - fill(0.5f)) * steep + fill(0.5f), Floats{}), fill(1.0f));
}

struct Pair {
    Floats here, next;
};

// Looks up table[i] and table[i + 1] at `lanes` indices that rise or fall steadily: mostly a window that two registers hold.
struct Window {
#if defined(__AVX512F__)
    __m512i index, local;
    int low;
    bool narrow;
    explicit Window(Ints at) : index((__m512i)at) {
        const int left = at[0], right = at[lanes - 1];
        low = smaller(left, right);
        narrow = larger(left, right) - low < 2 * lanes - 1;
        local = _mm512_sub_epi32(index, _mm512_set1_epi32(low));
    }
    Pair pick(const float* table) const {
        if (!narrow) {
            return {(Floats)_mm512_i32gather_ps(index, table, 4), (Floats)_mm512_i32gather_ps(index, table + 1, 4)};
        }
        const __m512 first = _mm512_loadu_ps(table + low), second = _mm512_loadu_ps(table + low + lanes);
        const __m512i following = _mm512_add_epi32(local, _mm512_set1_epi32(1));
        return {(Floats)_mm512_permutex2var_ps(first, local, second),
                (Floats)_mm512_permutex2var_ps(first, following, second)};
    }
#else
    Ints index;
    explicit Window(Ints at) : index(at) {}
    Pair pick(const float* table) const {
        Pair v;
        for (int l = 0; l < lanes; ++l) v.here[l] = table[index[l]];
        for (int l = 0; l < lanes; ++l) v.next[l] = table[index[l] + 1];
        return v;
    }
#endif
};

// A table around `lanes` indices that rise or fall steadily, held in two registers: table[i + t] for small t, as long as all
// lie within 2 * lanes elements.
struct Stretch {
#if defined(__AVX512F__)
    __m512 first, second;
    Stretch(const float* table, int low) : first(_mm512_loadu_ps(table + low)), second(_mm512_loadu_ps(table + low + lanes)) {}
    Floats at(Ints local) const { return (Floats)_mm512_permutex2var_ps(first, (__m512i)local, second); }
#else
    const float* start;
    Stretch(const float* table, int low) : start(table + low) {}
    Floats at(Ints local) const {
        Floats v;
        for (int l = 0; l < lanes; ++l) v[l] = start[local[l]];
        return v;
    }
#endif
};

// table[i] at any `lanes` indices.
inline Floats pick(const float* table, Ints at) {
#if defined(__AVX512F__)
    return (Floats)_mm512_i32gather_ps((__m512i)at, table, 4);
#else
    Floats v;
    for (int l = 0; l < lanes; ++l) v[l] = table[at[l]];
    return v;
#endif
}

}  // namespace
}  // namespace SVCT_ISA
}  // namespace svct
