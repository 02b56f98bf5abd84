/**
 * Calls every function with wrong arguments; run by fuzz.test.ts in a process of its own.
 *   node fuzz-child.js addon|public|modules CALLS SEED LOG [NAME]
 * LOG holds the call under way, so that the parent can name the one that killed the process.
 */
import { openSync, readdirSync, writeSync } from "node:fs";
import { join } from "node:path";
import * as distributed from "../../src/distributed.js";
import * as torch from "../../src/index.js";
import { native } from "../../src/native/load.js";
import * as nn from "../../src/nn/index.js";
import * as optim from "../../src/optim/index.js";
import { buildArguments, callOp, type OpCase } from "../ops/case.js";
import { loadFixture, repository } from "../support.js";
import { awkwardTensors, describe, picker, seeded, wrongValue } from "./fuzz-values.js";

const [what = "addon", callsText = "300", seedText = "1", logPath = "fuzz.log", only] = process.argv.slice(2);
const calls = Number(callsText);
const log = openSync(logPath, "w");
let logged = 0;

function note(text: string): void {
  const line = Buffer.from(text.slice(0, 4000).padEnd(logged));
  logged = text.length;
  writeSync(log, line, 0, line.length, 0);
}

type Callable = (...args: unknown[]) => unknown;
interface Target {
  name: string;
  /** Valid arguments to spoil. */
  valid: unknown[][];
  call: Callable;
}

/** Every fixture's arguments, and what they became at the addon. Their tensors stay alive. */
function recordValid(): { addon: Map<string, unknown[][]>; public: Map<string, unknown[][]> } {
  const found = { addon: new Map<string, unknown[][]>(), public: new Map<string, unknown[][]>() };
  const into = (map: Map<string, unknown[][]>, name: string, args: unknown[]) =>
    map.set(name, [...(map.get(name) ?? []), args].slice(0, 40));
  const addon = native() as unknown as Record<string, Callable>;
  const originals = Object.entries(addon);
  for (const [name, original] of originals) {
    addon[name] = (...args) => {
      into(found.addon, name, args);
      return original(...args);
    };
  }
  for (const file of readdirSync(join(repository, "fixtures/ops")).filter((name) => name.endsWith(".json"))) {
    for (const item of loadFixture<OpCase[]>(`ops/${file.replace(/\.json$/, "")}`)) {
      const args = buildArguments(item);
      into(found.public, item.op, args);
      callOp(item.op, args);
    }
  }
  for (const [name, original] of originals) addon[name] = original;
  return found;
}

type Constructor = new (...args: unknown[]) => object;

/** Arguments of every layer, and of its forward. */
const layers: Record<string, { options: unknown[]; input: number[][] }> = {
  GELU: { options: [{ approximate: "tanh" }], input: [[2, 3]] },
  LeakyReLU: { options: [0.1], input: [[2, 3]] },
  ReLU: { options: [], input: [[2, 3]] },
  Sigmoid: { options: [], input: [[2, 3]] },
  SiLU: { options: [], input: [[2, 3]] },
  Softplus: { options: [], input: [[2, 3]] },
  Tanh: { options: [], input: [[2, 3]] },
  MultiheadAttention: {
    options: [8, 2, { dropout: 0.1 }],
    input: [
      [2, 3, 8],
      [2, 3, 8],
      [2, 3, 8],
    ],
  },
  BatchNorm1d: { options: [3, { eps: 1e-5, momentum: 0.1 }], input: [[2, 3]] },
  BatchNorm2d: { options: [3, { affine: false }], input: [[2, 3, 4, 4]] },
  SyncBatchNorm: { options: [3, { momentum: null }], input: [[2, 3, 4]] },
  BatchNorm3d: { options: [3, { trackRunningStats: false }], input: [[2, 3, 2, 4, 4]] },
  Conv1d: { options: [2, 3, 3, { padding: 1, stride: 2 }], input: [[1, 2, 6]] },
  Conv2d: { options: [2, 4, 3, { padding: 1, groups: 2 }], input: [[1, 2, 6, 6]] },
  Conv3d: { options: [2, 3, 2, { dilation: 2, bias: false }], input: [[1, 2, 4, 4, 4]] },
  Dropout: { options: [0.5], input: [[2, 3]] },
  Dropout2d: { options: [0.5], input: [[2, 3, 4, 4]] },
  Dropout3d: { options: [0.5], input: [[2, 3, 2, 4, 4]] },
  Embedding: { options: [5, 3], input: [[2, 3]] },
  Flatten: { options: [1, -1], input: [[2, 3, 4]] },
  Identity: { options: [], input: [[2, 3]] },
  GroupNorm: { options: [2, 4, { eps: 1e-5 }], input: [[2, 4, 3]] },
  GRU: { options: [3, 4, { layers: 2, bidirectional: true, dropout: 0.1 }], input: [[2, 5, 3]] },
  LayerNorm: { options: [[3, 4], { eps: 1e-5 }], input: [[2, 3, 4]] },
  Linear: { options: [3, 4, { bias: false }], input: [[2, 3]] },
  AdaptiveAvgPool2d: { options: [[2, 2]], input: [[1, 2, 4, 4]] },
  AdaptiveAvgPool3d: { options: [2], input: [[1, 2, 4, 4, 4]] },
  AdaptiveMaxPool2d: { options: [2], input: [[1, 2, 4, 4]] },
  AdaptiveMaxPool3d: { options: [2], input: [[1, 2, 4, 4, 4]] },
  AvgPool2d: { options: [2, { stride: 2 }], input: [[1, 2, 4, 4]] },
  AvgPool3d: { options: [2, { padding: 1 }], input: [[1, 2, 4, 4, 4]] },
  MaxPool1d: { options: [2, { stride: 1 }], input: [[1, 2, 4]] },
  MaxPool2d: { options: [2, { dilation: 1 }], input: [[1, 2, 4, 4]] },
  MaxPool3d: { options: [2, { padding: 1 }], input: [[1, 2, 4, 4, 4]] },
  ModuleList: { options: [[]], input: [] },
  Sequential: { options: [], input: [[2, 3]] },
  TransformerEncoderLayer: {
    options: [{ width: 8, heads: 2, feedForward: 16, dropout: 0.1 }],
    input: [[2, 3, 8]],
  },
  TransformerEncoder: { options: [{ width: 8, heads: 2, feedForward: 16, depth: 2 }], input: [[2, 3, 8]] },
};

/** Layers and their methods, weight initialisation, optimisers, schedules and clipping. */
function moduleTargets(): Target[] {
  const found: Target[] = [];
  const exported = (module: object) => Object.entries(module) as [string, unknown][];
  const elsewhere = new Set(["Module", "Parameter", "ModuleBuffer"]);
  for (const [name, value] of exported(nn)) {
    if (typeof value !== "function" || elsewhere.has(name)) continue;
    if (name === "convertSyncBatchNorm") {
      found.push({
        name: `nn.${name}`,
        valid: [[new nn.Sequential(new nn.BatchNorm1d(2))]],
        call: value as Callable,
      });
      continue;
    }
    const known = layers[name];
    if (known === undefined) throw new Error(`the fuzz has no arguments for nn.${name}: add them`);
    const make = value as Constructor;
    found.push({ name: `nn.${name}`, valid: [known.options], call: (...args) => construct(make, args) });
    const layer = new make(...known.options) as nn.Module & { forward?: Callable };
    const inputs = known.input.map((shape) =>
      name === "Embedding" ? torch.zeros(shape, { dtype: "int64" }) : torch.randn(shape),
    );
    const methods: [string, unknown[]][] = [
      ["forward", inputs],
      ["loadStateDict", [layer.stateDict(), { strict: true }]],
      ["to", [{ dtype: "float32" }]],
    ];
    for (const [method, valid] of methods) {
      const callable = (layer as unknown as Record<string, Callable | undefined>)[method];
      if (callable !== undefined)
        found.push({
          name: `nn.${name}.${method}`,
          valid: [valid],
          call: (...args) => callable.apply(layer, args),
        });
    }
  }
  for (const [name, value] of exported(nn.init))
    if (typeof value === "function")
      found.push({ name: `nn.init.${name}`, valid: [[torch.zeros([3, 4])]], call: value as Callable });

  const parameters = () => [torch.randn([2, 3]).requiresGrad_(), torch.randn([3]).requiresGrad_()];
  for (const name of ["Adam", "AdamW", "SGD"] as const) {
    const make = optim[name] as unknown as Constructor;
    const own = parameters();
    found.push({
      name: `optim.${name}`,
      valid: [[own, { learningRate: 0.1, weightDecay: 0.1, betas: [0.9, 0.99], momentum: 0.9 }]],
      call: (...args) => construct(make, args),
    });
    const optimizer = new make(own, { learningRate: 0.1, momentum: 0.9 }) as optim.Optimizer;
    found.push({
      name: `optim.${name}.loadStateDict`,
      valid: [[optimizer.stateDict()]],
      call: (...args) => (optimizer.loadStateDict as Callable).apply(optimizer, args),
    });
    found.push({
      name: `optim.${name}.step`,
      valid: [[]],
      call: (...args) => (optimizer.step as Callable).apply(optimizer, args),
    });
  }
  for (const name of [
    "ConstantSchedule",
    "CosineSchedule",
    "OneCycleSchedule",
    "PlateauSchedule",
    "StepSchedule",
  ] as const) {
    const options = {
      learningRate: 0.1,
      total: 10,
      warmup: 2,
      size: 3,
      gamma: 0.1,
      mode: "min",
      factor: 0.1,
      patience: 2,
    };
    const make = optim[name] as unknown as Constructor;
    found.push({ name: `optim.${name}`, valid: [[options]], call: (...args) => construct(make, args) });
    const schedule = new make(options) as unknown as Record<string, Callable> & { state(): unknown };
    for (const method of ["step", "loadState"])
      if (typeof schedule[method] === "function")
        found.push({
          name: `optim.${name}.${method}`,
          valid: [[schedule.state()], [1]],
          call: (...args) => Reflect.apply(schedule[method] as Callable, schedule, args),
        });
  }
  found.push({
    name: "optim.clipGradNorm",
    valid: [[parameters(), 1]],
    call: optim.clipGradNorm as Callable,
  });
  found.push({
    name: "optim.clipGradValue",
    valid: [[parameters(), 1]],
    call: optim.clipGradValue as Callable,
  });
  return [...found, ...groupTargets()];
}

/** Process groups, of one rank, so that nobody waits; one is there for every call. */
function groupTargets(): Target[] {
  const place = {
    rank: 0,
    worldSize: 1,
    masterAddress: "127.0.0.1",
    masterPort: 29_999,
    timeoutSeconds: 0.05,
    backend: "gloo",
  };
  const parameters = [
    torch.zeros([2, 3]).requiresGrad_(),
    torch.zeros([3], { dtype: "float64" }).requiresGrad_(),
  ];
  for (const parameter of parameters) parameter.grad = torch.onesLike(parameter);
  const x = torch.randn([2, 3, 4]);
  const valid: Record<string, unknown[][]> = {
    initProcessGroup: [[place]],
    allReduce: [
      [torch.randn([3]), "mean"],
      [x, "sum"],
    ],
    broadcast: [[x, 0]],
    allGather: [[x]],
    averageGradients: [[parameters, { weight: 2, bucketBytes: 16 }]],
  };
  const targets: Target[] = [];
  for (const [name, value] of Object.entries(distributed) as [string, unknown][]) {
    if (typeof value !== "function" || name.endsWith("Error")) continue;
    targets.push({
      name: `distributed.${name}`,
      valid: valid[name] ?? [],
      call: (...args) => {
        if (name === "initProcessGroup") distributed.destroyProcessGroup();
        else if (distributed.available() && !distributed.isInitialized())
          distributed.initProcessGroup({ ...place, timeoutSeconds: 5, backend: "gloo" });
        (value as Callable)(...args);
      },
    });
  }
  const layer = new nn.SyncBatchNorm(3);
  const addon = native() as unknown as Record<"syncBatchNorm", Callable>;
  const handles = [x, layer.weight, layer.bias, layer.running_mean, layer.running_var].map(
    (t) => t?.handle ?? null,
  );
  targets.push({ name: "syncBatchNorm", valid: [[...handles, 0.1, 1e-5]], call: addon.syncBatchNorm });
  return targets;
}

function targets(): Target[] {
  if (what === "modules") return moduleTargets();
  const valid = recordValid();
  if (what === "addon") {
    // Those that free tensors come last; setErrorClasses would take any function for a class, setMemoryProbe for a probe.
    const last = new Set(["dispose", "endScope"]);
    const entries = Object.entries(native() as unknown as Record<string, Callable>).filter(
      ([name]) => name !== "setErrorClasses" && name !== "setMemoryProbe",
    );
    entries.sort(([a], [b]) => Number(last.has(a)) - Number(last.has(b)));
    const scopes: Record<string, Callable> = { beginScope: balancedScope, endScope: balancedScope };
    return entries.map(([name, call]) => ({
      name,
      call: scopes[name] ?? call,
      valid: valid.addon.get(name) ?? [],
    }));
  }
  const found: Target[] = [];
  const { prototype } = torch.Tensor;
  const properties = {
    ...Object.getOwnPropertyDescriptors(Object.getPrototypeOf(prototype) as object),
    ...Object.getOwnPropertyDescriptors(prototype),
  };
  for (const [name, property] of Object.entries(properties)) {
    if (name === "constructor" || name === "dispose") continue;
    const accessor = property as { get?: () => unknown; set?: (value: unknown) => void; value?: unknown };
    if (typeof accessor.value === "function") {
      const method = accessor.value as Callable;
      found.push({
        name: `Tensor.${name}`,
        valid: valid.public.get(name) ?? [],
        call: (self, ...args) => method.apply(self, args),
      });
    }
    if (accessor.get)
      found.push({ name: `get Tensor.${name}`, valid: [], call: (self) => accessor.get?.call(self) });
    if (accessor.set)
      found.push({
        name: `set Tensor.${name}`,
        valid: [],
        call: (self, value) => accessor.set?.call(self, value),
      });
  }
  const modules: [string, object][] = [
    ["", torch],
    ["functional.", torch.functional],
  ];
  for (const [prefix, module] of modules) {
    for (const [name, value] of Object.entries(module) as [string, unknown][]) {
      if (typeof value !== "function" || name.endsWith("Error")) continue;
      const call = /^[A-Z]/.test(name)
        ? (...args: unknown[]) => construct(value as new (...args: unknown[]) => object, args)
        : (value as Callable);
      found.push({ name: prefix + name, call, valid: valid.public.get(name) ?? [] });
    }
  }
  return found;
}

/** Starts a scope with wrong arguments, ends it with wrong ones, and then correctly. */
function balancedScope(...args: unknown[]): void {
  const addon = native() as unknown as Record<"beginScope" | "endScope", Callable>;
  const id = addon.beginScope(...args);
  try {
    addon.endScope(args.length > 1 ? args[0] : id, ...args.slice(1));
  } finally {
    if (native().scopeDepth() > 1) addon.endScope(id, []);
  }
}

function construct(constructor: new (...args: unknown[]) => object, args: unknown[]): void {
  const made = new constructor(...args);
  if (made instanceof torch.Scope || made instanceof nn.Module || made instanceof optim.Optimizer)
    made[Symbol.dispose]();
}

const random = seeded(Number(seedText));
const pick = picker(random);

function spoil(valid: unknown[][], tensors: torch.Tensor[]): unknown[] {
  const asHandles = what === "addon";
  if (valid.length === 0 || random() < 0.3)
    return Array.from({ length: Math.floor(random() * 7) }, () => wrongValue(random, tensors, asHandles));
  const chosen = pick(valid);
  const args = [...chosen];
  for (let changes = pick([1, 1, 1, 2, 3]); changes > 0; changes--) {
    const at = Math.floor(random() * args.length);
    const old = chosen[at];
    if (Array.isArray(old) && old.length > 0 && random() < 0.6) {
      const items: unknown[] = [...(old as unknown[])];
      items[Math.floor(random() * items.length)] = wrongValue(random, tensors, asHandles);
      args[at] = items;
    } else if (
      typeof old === "object" &&
      old !== null &&
      Object.getPrototypeOf(old) === Object.prototype &&
      random() < 0.8
    ) {
      const keys = Object.keys(old);
      args[at] = { ...old, [keys.length > 0 ? pick(keys) : "x"]: wrongValue(random, tensors, asHandles) };
    } else args[at] = wrongValue(random, tensors, asHandles);
  }
  return args;
}

function settle(): void {
  native().setGradEnabled(true);
  if (native().isAutocastEnabled("cpu")) native().leaveAutocast("cpu", false, "bfloat16");
  native().setNumThreads(1);
}

process.on("unhandledRejection", () => undefined); // of promises that an argument made
let thrown = 0;
let returned = 0;
const wrong: string[] = [];
for (const { name, call, valid } of targets()) {
  if (only !== undefined && name !== only) continue;
  // Without a scope: what one call does to a tensor must not spoil the next target's pool.
  const pool = awkwardTensors();
  for (let k = 0; k < calls; k++) {
    const args = spoil(valid, pool);
    note(`${name}(${args.map((value) => describe(value)).join(", ")})`);
    const scope = new torch.Scope();
    try {
      call(...args);
      returned++;
    } catch (error) {
      thrown++;
      if (!(error instanceof Error)) wrong.push(`${name} threw ${describe(error)}`);
    }
    scope[Symbol.dispose]();
  }
  settle();
  for (const tensor of pool) tensor.dispose();
}
process.stdout.write(JSON.stringify({ targets: targets().length, thrown, returned, wrong }) + "\n");
