// The loop of kernel.cu, one thread after the other; see host.cpp, which includes it.

static void emulate(const Task &task, int shares, int threads, int order) {
    const real nan = std::numeric_limits<real>::quiet_NaN();
    std::vector<std::vector<real>> memory(shares, std::vector<real>(task.memory, nan));
    auto by_threads = [&](auto phase) {
        in_order(threads, order & THREADS_BACKWARDS, [&](int thread) { phase(thread); });
    };
    // From one meeting to the next; step -1 is what lies before the first.
    auto onwards = [&](const Share &share, int step) {
        auto run = [&](int of, int from, int to) {
            for (int phase = from; phase < to; ++phase)
                by_threads([&](int thread) { run_phase(task, share, of, phase, thread, threads); });
        };
        if (step < 0) {
            by_threads([&](int thread) { fetch(task, share, thread, threads); });
            by_threads([&](int thread) { start(task, share, thread, threads); });
        } else {
            run(step, meeting(task), phases(task));
        }
        if (step + 1 < task.times)
            run(step + 1, 0, meeting(task));
        else
            by_threads([&](int thread) { leave(task, share, thread, threads); });
    };
    for (int step = -1; step < task.times; ++step)
        in_order(shares, order & SHARES_BACKWARDS, [&](int number) {
            onwards(share_of(task, memory[number].data(), number), step);
        });
}
