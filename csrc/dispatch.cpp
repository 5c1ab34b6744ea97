#include "dispatch.hpp"

#include <cstdlib>
#include <string_view>

namespace svct {
namespace {

Isa choose() {
#if defined(__x86_64__)
    const char* wish = std::getenv("SVCT_ISA");
    const std::string_view most = wish ? wish : "avx512";
    __builtin_cpu_init();
    const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                            __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    if (most == "avx512" && has_avx512) return Isa::avx512;
    if (most != "baseline" && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Isa::avx2;
#endif
    return Isa::baseline;
}

}  // namespace

Isa instruction_set() {
    static const Isa chosen = choose();
    return chosen;
}

const char* name_of(Isa isa) {
    return isa == Isa::avx512 ? "avx512" : isa == Isa::avx2 ? "avx2" : "baseline";
}

}  // namespace svct
