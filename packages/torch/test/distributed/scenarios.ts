/** What a rank does once the group is there. Inputs are formulas, so that the test computes the expected values itself. */
import { writeSync } from "node:fs";
import * as distributed from "../../src/distributed.js";
import { noGrad, tensor, zeros, type DType, type Tensor } from "../../src/index.js";
import { BatchNorm2d, Parameter, SyncBatchNorm } from "../../src/nn/index.js";
import type { Place } from "./ranks.js";
import { normaliseShard, type NormCase } from "./norm-case.js";

export const reductions = ["sum", "mean", "min", "max", "product"] as const;
export const numbers: DType[] = [
  "float32",
  "float64",
  "bfloat16",
  "float16",
  "int64",
  "int32",
  "int16",
  "int8",
  "uint8",
];
export const all: DType[] = [...numbers, "bool"];

/** Rank r's six values: small whole numbers, exact in every dtype. */
export const valuesOf = (rank: number) => [0, 1, 2, 3, 4, 5].map((k) => ((k * (rank + 2)) % 4) + 1);
const made = (rank: number, dtype: DType) => tensor(valuesOf(rank), { dtype }).reshape(2, 3);

/** The name and message of what it throws. */
function thrown(body: () => unknown): { name: string; message: string; rank?: number; worldSize?: number } {
  try {
    body();
  } catch (error) {
    if (error instanceof distributed.DistributedError) {
      const { name, message, rank, worldSize } = error;
      return { name, message, rank, worldSize };
    }
    return error instanceof Error
      ? { name: error.name, message: error.message }
      : { name: "none", message: "" };
  }
  return { name: "none", message: "" };
}

/** Gradients as in a training step, of rank-dependent values; a null has none. */
export function parametersOf(rank: number): Parameter[] {
  const shapes = [[3, 2], [4], [2, 1, 3], [5], [1]];
  const dtypes: DType[] = ["float32", "float64", "bfloat16", "float32", "float32"];
  return shapes.map((shape, k) => {
    const parameter = new Parameter(zeros(shape, { dtype: dtypes[k] ?? "float32" }));
    // Number 3 has a gradient on rank 0 alone, number 4 on none.
    if (k < 3 || (k === 3 && rank === 0)) parameter.grad = gradientOf(rank, k, shape, parameter.dtype);
    return parameter;
  });
}
const gradientOf = (rank: number, k: number, shape: number[], dtype: DType) =>
  tensor(
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, j) => gradientValue(rank, k, j)),
    { dtype },
  ).reshape(...shape);
export const gradientValue = (rank: number, parameter: number, index: number) =>
  (rank + 1) * 8 + parameter * 2 + index;

const say = (text: string) => writeSync(1, `${text}\n`); // past Node's buffers: the process may be killed next

export const scenarios = {
  allReduce: ({ rank }: Place) =>
    numbers.flatMap((dtype) =>
      reductions
        .filter((reduction) => reduction !== "mean" || dtype.includes("float"))
        .map((reduction) => [
          dtype,
          reduction,
          distributed.allReduce(made(rank, dtype), reduction).toArray(),
        ]),
    ),

  broadcast: ({ rank, worldSize }: Place) =>
    all.map((dtype) => distributed.broadcast(made(rank, dtype), worldSize - 1).toArray()),

  allGather: ({ rank }: Place) =>
    all.map((dtype) =>
      distributed.allGather(made(rank, dtype)).map((part) => [part.dtype, part.shape, part.toArray()]),
    ),

  /** Tensors whose memory is not dense: each must give the same result as a dense one. */
  layouts: ({ rank }: Place) => {
    const base = () => tensor(Array.from({ length: 16 }, (_, k) => k * (rank + 1)));
    const forms: Record<string, () => Tensor> = {
      transposed: () => base().reshape(4, 4).transpose(0, 1),
      narrowed: () => base().reshape(4, 4).narrow(1, 1, 2),
      "channels last": () => base().reshape(1, 4, 2, 2).to({ memoryFormat: "channels_last" }),
      "one value": () => tensor(rank + 1),
      empty: () => zeros([0, 3]),
    };
    return Object.entries(forms).map(([name, make]) => {
      const [sum, copy] = [make(), make()];
      distributed.allReduce(sum);
      distributed.broadcast(copy, 1);
      const parts = distributed.allGather(make());
      return [name, sum.toArray(), copy.toArray(), parts.map((part) => part.toArray()), sum.shape];
    });
  },

  /** Each call differs on one rank: all must throw, and the group must stay sound. */
  disagreement: ({ rank }: Place) => {
    const odd = rank === 1;
    const parameters = parametersOf(rank);
    const mistakes: (() => unknown)[] = [
      () => distributed.allReduce(zeros([odd ? 3 : 2])),
      () => distributed.allReduce(zeros([2], { dtype: odd ? "float64" : "float32" })),
      () => distributed.allReduce(zeros([2]), odd ? "max" : "sum"),
      () => distributed.broadcast(zeros([2]), odd ? 1 : 0),
      () => (odd ? distributed.barrier() : distributed.allGather(zeros([2]))),
      () => distributed.averageGradients(odd ? [] : parameters.slice(0, 1)),
    ];
    const errors = mistakes.map((mistake) => thrown(mistake));
    for (const parameter of parameters) parameter.dispose();
    return { errors, after: distributed.allReduce(tensor([rank + 1])).toArray() };
  },

  averageGradients: ({ rank, detail }: Place) => {
    const { weights, bucketBytes } = JSON.parse(detail) as { weights: number[]; bucketBytes: number };
    const parameters = parametersOf(rank);
    distributed.averageGradients(parameters, { weight: weights[rank] ?? 1, bucketBytes });
    const gradients = parameters.map((parameter) => parameter.grad?.toArray() ?? null);
    for (const parameter of parameters) parameter.dispose();
    return gradients;
  },

  noWeight: ({ rank }: Place) => {
    const parameters = parametersOf(rank);
    const error = thrown(() => distributed.averageGradients(parameters, { weight: 0 }));
    for (const parameter of parameters) parameter.dispose();
    return error;
  },

  syncBatchNorm: ({ rank, detail }: Place) => normaliseShard(JSON.parse(detail) as NormCase, rank),

  /** Rank and size, and that a second group is refused. */
  facts: ({ rank, worldSize, port, timeoutSeconds }: Place) => [
    distributed.rank(),
    distributed.worldSize(),
    distributed.isInitialized(),
    thrown(() =>
      distributed.initProcessGroup({
        rank,
        worldSize,
        masterAddress: "127.0.0.1",
        masterPort: port,
        timeoutSeconds,
      }),
    ).name,
    thrown(() => distributed.allReduce(tensor([1, 0], { dtype: "bool" }))).name,
    thrown(() => distributed.allReduce(zeros([1]).expand(3))).name,
    thrown(() => distributed.allReduce(zeros([1], { dtype: "int32" }), "mean")).name,
    thrown(() => distributed.broadcast(zeros([1]), worldSize)).name,
  ],

  /** The last rank does as `detail` says in the middle of training; the others must get an error, leave, and go on alone. */
  peer: ({ rank, worldSize, detail, timeoutSeconds, port }: Place) => {
    const [fate, operation] = detail.split(" ");
    const values = zeros([1 << 20]);
    const layer = new SyncBatchNorm(2);
    const loss = () =>
      layer
        .forward(tensor([1, 2, 3, 4 + rank]).reshape(2, 2))
        .square()
        .sum();
    loss().backward();
    const pending = loss();
    distributed.allReduce(values);
    if (rank === worldSize - 1) {
      say("here");
      if (fate === "exit") process.exit(3);
      if (fate === "stop") process.kill(process.pid, "SIGSTOP");
    }
    // Again and again, until the peer is gone.
    const first = thrown(() => {
      for (const end = Date.now() + 30_000; Date.now() < end;)
        if (operation === "backward") pending.backward({ retainGraph: true });
        else distributed.allReduce(values);
    });
    const second = thrown(() => distributed.barrier());
    distributed.destroyProcessGroup();
    distributed.destroyProcessGroup();
    distributed.initProcessGroup({
      rank: 0,
      worldSize: 1,
      masterAddress: "127.0.0.1",
      masterPort: port,
      timeoutSeconds,
    });
    const alone = distributed.allReduce(tensor([5])).toArray();
    layer.dispose();
    say(JSON.stringify({ first, second, alone }));
    return undefined;
  },

  /** Waits for ranks that never come to the same call. */
  endless: ({ rank }: Place) => {
    if (rank === 0) distributed.barrier();
    else for (const end = Date.now() + 1500; Date.now() < end;);
    return undefined;
  },

  momentum: ({ rank }: Place) => {
    const layer = SyncBatchNorm.from(new BatchNorm2d(2, { momentum: null }));
    noGrad(() => {
      for (let step = 0; step < 2; step++)
        layer.forward(tensor(Array.from({ length: 8 }, (_, k) => k * (rank + 1) + step)).reshape(1, 2, 2, 2));
    });
    const result = [
      layer.running_mean?.toArray(),
      layer.running_var?.toArray(),
      layer.num_batches_tracked?.item(),
    ];
    layer.dispose();
    return result;
  },
} satisfies Record<string, (place: Place) => unknown>;

export type ScenarioName = keyof typeof scenarios;
