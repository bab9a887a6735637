// The body of CuPy's kernel on the host: its shares and threads one after the other.
//
// A phase is run by all threads of a share, in either order; a share runs on, past its own
// barriers, until all must meet, and only then the next share follows, again in either order. A
// phase that needs what another thread of it computes, or a share that needs what another has not
// sent yet or has already overwritten, gets other bits in one order than in the other. Memory is
// NaN before it is written.

#include <math.h>

#include <limits>
#include <vector>

#define DEVICE static inline
#define KEPT(p) (*(p))
#define FRESH(p) (*(p))

enum { THREADS_BACKWARDS = 1, SHARES_BACKWARDS = 2 };

template <typename Function>
static void in_order(int count, bool backwards, Function function) {
    for (int n = 0; n < count; ++n) function(backwards ? count - 1 - n : n);
}

#define REAL float
namespace float32 {
#include "body.h"
#include "emulation.h"
}  // namespace float32
#undef REAL

#define REAL double
namespace float64 {
#include "body.h"
#include "emulation.h"
}  // namespace float64

extern "C" {
int task_size_float32() { return sizeof(float32::Task); }
int task_size_float64() { return sizeof(float64::Task); }
void stretch_float32(const void *task, int shares, int threads, int order) {
    float32::emulate(*static_cast<const float32::Task *>(task), shares, threads, order);
}
void stretch_float64(const void *task, int shares, int threads, int order) {
    float64::emulate(*static_cast<const float64::Task *>(task), shares, threads, order);
}
}
