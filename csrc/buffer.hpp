// Working memory that outlives a call, since the first touch of fresh pages costs more than the work done in them.
#pragma once

#include <cstddef>
#include <memory>

namespace svct {

void give_back(float* data);
float* borrow(std::size_t count);

class Buffer {  // of `count` floats and some spare ones behind, not zeroed, aligned to a cache line
    struct Return {
        void operator()(float* data) const { give_back(data); }
    };
    std::unique_ptr<float[], Return> data;

public:
    Buffer() = default;
    explicit Buffer(std::size_t count) : data(borrow(count)) {}
    float* get() const { return data.get(); }
};

}  // namespace svct
