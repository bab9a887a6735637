// The body on a card: a block is a share. NVRTC is given this text after the body's, and says what
// REAL, SHARES (1, or the blocks of a cluster), THREADS (of a block, at most) and IN_SHARED are.

#if SHARES > 1
// All blocks of a cluster run at the same time, so they can wait for each other without end.
#define CLUSTER __cluster_dims__(SHARES, 1, 1)
__device__ __forceinline__ void meet() {
    asm volatile(
        "barrier.cluster.arrive.release;\n\t"
        "barrier.cluster.wait.acquire;" ::: "memory");
}
#else
#define CLUSTER
__device__ __forceinline__ void meet() { __syncthreads(); }
#endif

extern "C" __global__ void CLUSTER __launch_bounds__(THREADS, 1) stretch(const Task task) {
#if IN_SHARED
    extern __shared__ double2 shared_memory[];  // the widest alignment that is asked for
    real *memory = reinterpret_cast<real *>(shared_memory);
#else
    real *memory = task.workspace + static_cast<size_t>(blockIdx.x) * task.memory;
#endif
    const Share share = share_of(task, memory, blockIdx.x);
    const int thread = threadIdx.x, threads = blockDim.x;
    fetch(task, share, thread, threads);
    __syncthreads();
    start(task, share, thread, threads);
    for (int step = 0; step < task.times; ++step) {
        for (int phase = 0; phase < phases(task); ++phase) {
            if (phase == meeting(task))
                meet();
            else
                __syncthreads();
            run_phase(task, share, step, phase, thread, threads);
        }
    }
    __syncthreads();
    leave(task, share, thread, threads);
}
