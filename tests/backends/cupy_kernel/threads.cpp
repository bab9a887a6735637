// kernel.cu itself on the host: one block, whose threads are real ones, for ThreadSanitizer.

#include <math.h>

#include <barrier>
#include <limits>
#include <memory>
#include <thread>
#include <vector>

#define DEVICE static inline
#define KEPT(p) (*(p))
#define FRESH(p) (*(p))

#define SHARES 1
#define IN_SHARED 1
#define __device__ static
#define __forceinline__ inline
#define __global__
#define __shared__
#define __launch_bounds__(threads, blocks)

struct Index {
    int x;
};
static const Index blockIdx = {0};
static thread_local Index threadIdx;
static Index blockDim;

struct alignas(16) double2 {
    double x, y;
};
double2 shared_memory[1 << 16];

static std::unique_ptr<std::barrier<>> block;
#define __syncthreads() block->arrive_and_wait()

#define REAL float
#define stretch kernel_float32
namespace float32 {
#include "body.h"
#include "kernel.cu"
}  // namespace float32
#undef REAL
#undef CLUSTER
#undef stretch

#define REAL double
#define stretch kernel_float64
namespace float64 {
#include "body.h"
#include "kernel.cu"
}  // namespace float64

template <typename Task>
static void launch(void (*kernel)(Task), const Task &task, int threads) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    for (double2 &pair : shared_memory) pair = {nan, nan};
    block = std::make_unique<std::barrier<>>(threads);
    blockDim.x = threads;
    std::vector<std::thread> running;
    for (int number = 0; number < threads; ++number)
        running.emplace_back([=] {
            threadIdx.x = number;
            kernel(task);
        });
    for (std::thread &thread : running) thread.join();
}

extern "C" {
int task_size_float32() { return sizeof(float32::Task); }
int task_size_float64() { return sizeof(float64::Task); }
void stretch_float32(const void *task, int, int threads, int) {
    launch(float32::kernel_float32, *static_cast<const float32::Task *>(task), threads);
}
void stretch_float64(const void *task, int, int threads, int) {
    launch(float64::kernel_float64, *static_cast<const float64::Task *>(task), threads);
}
}
