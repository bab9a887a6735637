// A stretch of training steps in the span of the samples, as phases that threads share.
//
// Plain C++ without a header: kernel.cu runs it on a card, a test's host.cpp on the host, one
// thread after the other in any order. Whoever includes it says what these are:
//   REAL         float or double
//   DEVICE       in front of a function
//   KEPT(p)      *p, where nothing writes to *p during the launch
//   FRESH(p)     *p, where another share has written *p before the last meeting
//
// The samples are cut into chunks of 32, and every share (a block of threads) owns some of them:
// its columns of Z1, C1, the activations and the derivatives. All shares keep all weights. Two
// things pass between shares, through `exchange`: the derivatives of layer 1, and what each chunk
// moves the weights by. They meet once a step, before `gather`; two halves of `exchange` take
// turns, so that a share which is ahead does not write what another still reads.
//
// Every sum has an order of its own: within a chunk sample by sample, then chunk by chunk. So no
// bit depends on the number of threads or shares, or on how a run is cut into launches.

typedef REAL real;

constexpr int LAYERS = 16;   // at most; layout.py has the same number
constexpr int CHUNK = 32;    // samples; likewise
constexpr int ROWS = 4;      // of the tile of Z1 that a thread moves; likewise
constexpr int COLUMNS = 2;   // of the tile, LANES apart, so that neighbours read neighbours
constexpr int LANES = CHUNK / COLUMNS;

enum { RELU, LEAKY_RELU, TANH, SIGMOID };  // as in activations.py

// What a launch is given, by value; layout.py describes the same bytes. Layers count from 0, which
// is the one held in the span; W of the others is [W b], row by row.
struct Task {
    const real *K, *signs, *Z1, *C1;  // (m, m), (n_L, m), (n_1, m), (n_1, m)
    real *Z1_after, *C1_after;
    const real *W[LAYERS];
    real *W_after[LAYERS];
    real *exchange;   // two halves of `half` numbers, the first samples * rows of each set to 0
    real *workspace;  // `memory` numbers a share, where they do not fit into shared memory
    double factor;    // -alpha / (2 m)
    double slope[LAYERS];
    int activation[LAYERS];
    int units[LAYERS];
    int layers, samples, times;
    int width;   // columns of a share, a number of chunks; the last shares may own fewer, or none
    int stride;  // of a row of a share's columns, odd: a column's numbers lie in different banks
    int rows;    // units[0], rounded up to whole tiles
    int weights, weight[LAYERS];  // numbers in all W, and before each
    int staged;  // whether K's columns and the chunks' parts of the product are in the memory too
    int half, memory;
    // Where in a share's memory things lie.
    int at_Z1, at_W, at_A[LAYERS], at_D[LAYERS], at_d1, at_K, at_parts;
};

// A share, as its threads see it.
struct Share {
    real *memory;
    int number, first, columns;
};

struct alignas(ROWS * sizeof(real) < 16 ? ROWS * sizeof(real) : 16) Rows {
    real of[ROWS];
};

DEVICE int chunks_of(int samples) { return (samples + CHUNK - 1) / CHUNK; }

DEVICE Share share_of(const Task &task, real *memory, int number) {
    int first = number * task.width;
    int left = task.samples - first;
    return {memory, number, first, left < 0 ? 0 : left < task.width ? left : task.width};
}

DEVICE real *half_of(const Task &task, int step) { return task.exchange + step % 2 * task.half; }

// A = g(z), and g'(z), which the way back multiplies with; the formulas of activations.py.
DEVICE void activate(int activation, real slope, real z, real &value, real &derivative) {
    const real one = 1;
    if (activation == RELU) {
        value = z > 0 ? z : z <= 0 ? real(0) : z;  // NaN stays NaN
        derivative = z > 0 ? one : real(0);
    } else if (activation == LEAKY_RELU) {
        value = z > 0 ? z : slope * z;
        derivative = z > 0 ? one : slope;
    } else {
        real e = exp(-fabs(z));
        if (activation == TANH) {
            e = e * e;
            value = tanh(z);
            derivative = 4 * e / ((one + e) * (one + e));
        } else {
            value = z >= 0 ? one / (one + e) : e / (one + e);
            derivative = e / ((one + e) * (one + e));
        }
    }
}

// The derivative of layer 1 is known: every share needs it.
DEVICE void send(const Task &task, const Share &share, int i, int j, real dz, int step) {
    half_of(task, step)[(share.first + j) * task.rows + i] = dz;
}

// Z of unit i and sample j of a layer is known: what follows from it alone.
DEVICE void settle(const Task &task, const Share &share, int layer, int i, int j, real z,
                   int step) {
    int at = i * task.stride + j;
    real *D = share.memory + task.at_D[layer];
    if (layer < task.layers - 1) {
        activate(task.activation[layer], real(task.slope[layer]), z,
                 share.memory[task.at_A[layer] + at], D[at]);
        return;
    }
    real sign = KEPT(task.signs + i * task.samples + share.first + j);
    D[at] = (real(tanh(real(0.5) * z)) + sign) * real(task.factor);
    if (layer == 0) send(task, share, i, j, D[at], step);
}

// Phase before the first step: fetch what the share keeps.
DEVICE void fetch(const Task &task, const Share &share, int thread, int threads) {
    for (int index = thread; index < task.units[0] * share.columns; index += threads) {
        int i = index / share.columns, j = index % share.columns;
        int from = i * task.samples + share.first + j;
        share.memory[task.at_Z1 + i * task.stride + j] = task.Z1[from];
        task.C1_after[from] = task.C1[from];
    }
    for (int layer = 1; layer < task.layers; ++layer) {
        int size = task.units[layer] * (task.units[layer - 1] + 1);
        for (int index = thread; index < size; index += threads)
            share.memory[task.at_W + task.weight[layer] + index] = task.W[layer][index];
    }
    if (!task.staged) return;
    for (int index = thread; index < task.samples * share.columns; index += threads) {
        int k = index / share.columns, j = index % share.columns;
        share.memory[task.at_K + k * task.width + j] = task.K[k * task.samples + share.first + j];
    }
}

// Phase after it: layer 1's activations.
DEVICE void start(const Task &task, const Share &share, int thread, int threads) {
    for (int index = thread; index < task.units[0] * share.columns; index += threads) {
        int i = index / share.columns, j = index % share.columns;
        settle(task, share, 0, i, j, share.memory[task.at_Z1 + i * task.stride + j], 0);
    }
}

// Phase: Z = [W b] [A; 1] of a layer, and what follows.
DEVICE void forward(const Task &task, const Share &share, int layer, int step, int thread,
                    int threads) {
    int inputs = task.units[layer - 1];
    const real *W = share.memory + task.at_W + task.weight[layer];
    const real *A = share.memory + task.at_A[layer - 1];
    for (int index = thread; index < task.units[layer] * share.columns; index += threads) {
        int i = index / share.columns, j = index % share.columns;
        const real *row = W + i * (inputs + 1);
        real z = 0;
        for (int k = 0; k < inputs; ++k) z += row[k] * A[k * task.stride + j];
        settle(task, share, layer, i, j, z + row[inputs], step);
    }
}

// A part of `backward`: dZ of the layer before = g'(Z) * W^T dZ, where g'(Z) lies.
DEVICE void derive(const Task &task, const Share &share, int layer, int step, int index) {
    int inputs = task.units[layer - 1], units = task.units[layer];
    int k = index / share.columns, j = index % share.columns;
    const real *W = share.memory + task.at_W + task.weight[layer] + k;
    const real *D = share.memory + task.at_D[layer] + j;
    real sum = 0;
    for (int i = 0; i < units; ++i) sum += W[i * (inputs + 1)] * D[i * task.stride];
    real &dz = share.memory[task.at_D[layer - 1] + k * task.stride + j];
    bool shut = dz == 0 && task.activation[layer - 1] == RELU;  // 0 whatever the sum, NaN too
    dz = shut ? real(0) : dz * sum;
    if (layer == 1) send(task, share, k, j, dz, step);
}

// The other part: what a chunk moves a weight by, a row of dZ times a row of [A; 1].
DEVICE void weigh(const Task &task, const Share &share, int layer, int step, int index) {
    int inputs = task.units[layer - 1], size = task.units[layer] * (inputs + 1);
    int chunk = index / size, weight = index % size;
    int i = weight / (inputs + 1), k = weight % (inputs + 1);
    int from = chunk * CHUNK;
    int to = from + CHUNK < share.columns ? from + CHUNK : share.columns;
    const real *D = share.memory + task.at_D[layer] + i * task.stride;
    const real *A = share.memory + task.at_A[layer - 1] + k * task.stride;
    real sum = 0;
    if (k < inputs)
        for (int j = from; j < to; ++j) sum += D[j] * A[j];
    else
        for (int j = from; j < to; ++j) sum += D[j];
    int place = (share.number * (task.width / CHUNK) + chunk) * task.weights;
    half_of(task, step)[task.samples * task.rows + place + task.weight[layer] + weight] = sum;
}

// Phase: back through a layer.
DEVICE void backward(const Task &task, const Share &share, int layer, int step, int thread,
                     int threads) {
    int derivatives = task.units[layer - 1] * share.columns;
    int moves = chunks_of(share.columns) * task.units[layer] * (task.units[layer - 1] + 1);
    for (int index = thread; index < derivatives + moves; index += threads) {
        if (index < derivatives)
            derive(task, share, layer, step, index);
        else
            weigh(task, share, layer, step, index - derivatives);
    }
}

// Phase, after all shares have met: take what the others have found; move the weights and C1.
DEVICE void gather(const Task &task, const Share &share, int step, int thread, int threads) {
    const real *from = half_of(task, step);
    for (int index = thread; index < task.samples * task.rows; index += threads)
        share.memory[task.at_d1 + index] = FRESH(from + index);
    const real *parts = from + task.samples * task.rows;
    for (int index = thread; index < task.weights; index += threads) {
        real move = FRESH(parts + index);
        for (int chunk = 1; chunk < chunks_of(task.samples); ++chunk)
            move += FRESH(parts + chunk * task.weights + index);
        share.memory[task.at_W + index] += move;
    }
    for (int index = thread; index < task.units[0] * share.columns; index += threads) {
        int i = index / share.columns, j = index % share.columns;
        task.C1_after[i * task.samples + share.first + j] +=
            share.memory[task.at_D[0] + i * task.stride + j];
    }
}

// Z1 of a unit and a sample moves.
DEVICE void move(const Task &task, const Share &share, int i, int j, real by, int step) {
    real &z = share.memory[task.at_Z1 + i * task.stride + j];
    z += by;
    settle(task, share, 0, i, j, z, step + 1);
}

struct Tile {
    real of[ROWS][COLUMNS];
};

// A tile of d1 K, summed over one chunk of samples.
DEVICE Tile multiply(const Task &task, const Share &share, bool staged, int chunk, int row,
                     int column) {
    Tile sum = {};
    const real *d1 = share.memory + task.at_d1 + row;
    int last = share.columns - 1, at[COLUMNS];
    for (int c = 0; c < COLUMNS; ++c)  // beyond the last column anything will do
        at[c] = column + c * LANES < last ? column + c * LANES : last;
    int to = (chunk + 1) * CHUNK < task.samples ? (chunk + 1) * CHUNK : task.samples;
    for (int k = chunk * CHUNK; k < to; ++k) {
        Rows d = *reinterpret_cast<const Rows *>(d1 + k * task.rows);
        real K[COLUMNS];
        for (int c = 0; c < COLUMNS; ++c)
            K[c] = staged ? share.memory[task.at_K + k * task.width + at[c]]
                          : KEPT(task.K + k * task.samples + share.first + at[c]);
        for (int r = 0; r < ROWS; ++r)
            for (int c = 0; c < COLUMNS; ++c) sum.of[r][c] += d.of[r] * K[c];
    }
    return sum;
}

// Where the number of a tile belongs, if it is not beyond the edge.
DEVICE bool inside(const Task &task, const Share &share, int i, int j) {
    return i < task.units[0] && j < share.columns;
}

// Phase: d1 K. Where it is staged a thread sums over one chunk, for `combine` to add them up; else
// over one after the other, in the same order, and moves Z1 itself.
DEVICE void multiply_all(const Task &task, const Share &share, int step, int thread,
                         int threads) {
    int tiles = task.rows / ROWS, own = chunks_of(share.columns);
    int chunks = chunks_of(task.samples);
    int total = (task.staged ? chunks : 1) * own * tiles * LANES;
    for (int index = thread; index < total; index += threads) {
        int rest = index / LANES;
        int row = rest % tiles * ROWS;
        int column = rest / tiles % own * CHUNK + index % LANES;
        if (task.staged) {
            int chunk = rest / tiles / own;
            Tile sum = multiply(task, share, true, chunk, row, column);
            real *part = share.memory + task.at_parts + chunk * task.units[0] * task.width;
            for (int r = 0; r < ROWS; ++r)
                for (int c = 0; c < COLUMNS; ++c)
                    if (inside(task, share, row + r, column + c * LANES))
                        part[(row + r) * task.width + column + c * LANES] = sum.of[r][c];
            continue;
        }
        Tile sum = multiply(task, share, false, 0, row, column);
        for (int chunk = 1; chunk < chunks; ++chunk) {
            Tile more = multiply(task, share, false, chunk, row, column);
            for (int r = 0; r < ROWS; ++r)
                for (int c = 0; c < COLUMNS; ++c) sum.of[r][c] += more.of[r][c];
        }
        for (int r = 0; r < ROWS; ++r)
            for (int c = 0; c < COLUMNS; ++c)
                if (inside(task, share, row + r, column + c * LANES))
                    move(task, share, row + r, column + c * LANES, sum.of[r][c], step);
    }
}

// Phase: add up the chunks' parts of d1 K and move Z1.
DEVICE void combine(const Task &task, const Share &share, int step, int thread, int threads) {
    if (!task.staged) return;
    for (int index = thread; index < task.units[0] * share.columns; index += threads) {
        int i = index / share.columns, j = index % share.columns;
        const real *part = share.memory + task.at_parts + i * task.width + j;
        real by = part[0];
        for (int chunk = 1; chunk < chunks_of(task.samples); ++chunk)
            by += part[chunk * task.units[0] * task.width];
        move(task, share, i, j, by, step);
    }
}

// Phase after the last step: hand over.
DEVICE void leave(const Task &task, const Share &share, int thread, int threads) {
    for (int index = thread; index < task.units[0] * share.columns; index += threads) {
        int i = index / share.columns, j = index % share.columns;
        task.Z1_after[i * task.samples + share.first + j] =
            share.memory[task.at_Z1 + i * task.stride + j];
    }
    if (share.number) return;  // all have the same weights
    for (int layer = 1; layer < task.layers; ++layer) {
        int size = task.units[layer] * (task.units[layer - 1] + 1);
        for (int index = thread; index < size; index += threads)
            task.W_after[layer][index] = share.memory[task.at_W + task.weight[layer] + index];
    }
}

// A step's phases: a barrier stands before each, and before `meeting` all shares meet.
DEVICE int meeting(const Task &task) { return 2 * (task.layers - 1); }
DEVICE int phases(const Task &task) { return meeting(task) + 3; }

DEVICE void run_phase(const Task &task, const Share &share, int step, int phase, int thread,
                      int threads) {
    int gathering = meeting(task), deeper = task.layers - 1;
    if (phase < deeper)
        forward(task, share, phase + 1, step, thread, threads);
    else if (phase < gathering)
        backward(task, share, gathering - phase, step, thread, threads);
    else if (phase == gathering)
        gather(task, share, step, thread, threads);
    else if (phase == gathering + 1)
        multiply_all(task, share, step, thread, threads);
    else
        combine(task, share, step, thread, threads);
}
