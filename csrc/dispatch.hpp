// Which instruction set the kernels run with: the best of this machine, or less where SVCT_ISA says so.
#pragma once

namespace svct {

enum class Isa { baseline, avx2, avx512 };

Isa instruction_set();
const char* name_of(Isa isa);

// The table of kernels `name` compiled for this machine. Elsewhere than on x86 the baseline has all that the compiler may use,
// NEON on 64-bit Arm.
#if defined(__x86_64__)
#define SVCT_KERNELS(name)                                  \
    (instruction_set() == Isa::avx512 ? avx512::name       \
     : instruction_set() == Isa::avx2 ? avx2::name         \
                                      : baseline::name)
#else
#define SVCT_KERNELS(name) (baseline::name)
#endif

}  // namespace svct
