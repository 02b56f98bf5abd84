/** Every op forward and backward against PyTorch, and the proof that none is left out. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as torch from "../../src/index.js";
import type { Addon } from "../../src/native/addon.js";
import { native } from "../../src/native/load.js";
import { leakTest, loadFixture, repository } from "../support.js";
import { runCase, type OpCase } from "./case.js";

/** Ops without a gradient: constants, draws, comparisons, indices, in-place fills. */
const withoutGradient = new Set(
  `zeros ones full arange linspace eye rand randn randint randperm multinomial uniform_ normal_ detach oneHot viewDtype
   eq ne lt le gt ge isnan isfinite logicalNot logicalAnd logicalOr any all argmax argmin
   zerosLike onesLike tensor`.split(/\s+/),
);
/** Addon functions and Tensor methods that are no ops, and the test file that holds each to account. */
const elsewhere: Record<string, string[]> = {
  "memory/dispose.test.ts": [
    "dispose",
    "isAlive",
    "keep",
    "isDisposed",
    "watch",
    "liveBytes",
    "describeLive",
  ],
  "print.test.ts": ["toString"],
  "memory/scope.test.ts": ["beginScope", "endScope", "scopeDepth", "liveTensors"],
  "memory/errors.test.ts": ["setErrorClasses", "setMemoryProbe"],
  "nn/tile-convolution.test.ts": ["setConvolutionKernels"],
  "ops/dtypes.test.ts": [
    ...[
      "dtypeOf",
      "shapeOf",
      "deviceOf",
      "strideOf",
      "isContiguous",
      "memoryFormatOf",
      "toTypedArray",
      "item",
      "mapFile",
      "empty",
    ],
    ...["dtype", "shape", "device", "stride", "memoryFormat", "numel", "dim", "size", "toArray"],
  ],
  "ops/autograd.test.ts": [
    ...[
      "requiresGrad",
      "isLeaf",
      "setRequiresGrad",
      "setGradEnabled",
      "isGradEnabled",
      "backward",
      "grad",
      "gradOf",
      "setGrad",
      "zeroGrad",
    ],
    ...["setData", "enterAutocast", "leaveAutocast", "isAutocastEnabled", "requiresGrad_"],
  ],
  "ops/autograd-function.test.ts": [
    "autogradFunction",
    "setFunctionCaller",
    "takeReleasedFunctions",
    "attachFunction",
  ],
  "ops/random.test.ts": ["getGeneratorState", "setGeneratorState"],
  "native/library.test.ts": [
    "version",
    "showConfig",
    "getNumThreads",
    "setNumThreads",
    "cudaDeviceCount",
    "hasMps",
    "setTf32",
    "holdTf32",
    "releaseTf32",
    "isTf32Allowed",
    "synchronize",
  ],
  // Held by 50-step trajectories against PyTorch.
  "optim/optimizer.test.ts": ["adamStep", "sgdStep", "clipGradNorm"],
  // Between ranks: against values joined by hand, and one rank's gradients of the whole batch.
  "distributed/collectives.test.ts": [
    "distributedBackends",
    "initProcessGroup",
    "destroyProcessGroup",
    "processGroup",
    "allReduce",
    "broadcast",
    "allGather",
    "barrier",
  ],
  "distributed/average-gradients.test.ts": ["averageGradients"],
  "distributed/sync-batch-norm.test.ts": ["syncBatchNorm"],
};

const forward = new Set<string>();
const gradient = new Set<string>();
const called = new Set<string>();

/** Lets every function of the addon note that it ran. */
function watchAddon(): void {
  const addon = native() as unknown as Record<string, (...args: unknown[]) => unknown>;
  for (const [name, original] of Object.entries(addon)) {
    addon[name] = (...args) => {
      const result = original(...args);
      called.add(name);
      return result;
    };
  }
}
watchAddon();

const files = readdirSync(join(repository, "fixtures/ops"))
  .filter((name) => name.endsWith(".json"))
  .sort();
for (const file of files) {
  const family = file.replace(/\.json$/, "");
  for (const item of loadFixture<OpCase[]>(`ops/${family}`)) {
    leakTest(
      `${item.op}${item.name === "" ? "" : ` (${item.name})`}: equals PyTorch's (fixtures/ops/${family}.py)`,
      () => {
        called.clear();
        const note = (into: Set<string>) => () => {
          for (const name of called) into.add(name);
          into.add(item.op);
        };
        // Only what the forward half called may count as checked: the backward half calls sum and mul itself.
        const seen: string[] = [];
        runCase(item, {
          forward: () => {
            note(forward)();
            seen.push(...called);
          },
          gradient: () => [...seen, item.op].forEach((name) => gradient.add(name)),
        });
      },
    );
  }
}

const elsewhereNames = new Set(Object.values(elsewhere).flat());
const functionNames = (from: object) =>
  Object.entries(from)
    .filter(([, value]) => typeof value === "function")
    .map(([name]) => name);

function missing(names: string[], tested: Set<string>, exempt: (name: string) => boolean): string[] {
  return names.filter((name) => !tested.has(name) && !exempt(name) && !elsewhereNames.has(name)).sort();
}

test("every function of the addon, of functional.ts and every Tensor method has a forward check against PyTorch", () => {
  const { prototype } = torch.Tensor;
  const methods = [prototype, Object.getPrototypeOf(prototype) as object]
    .flatMap((each) => Object.getOwnPropertyNames(each))
    .filter((name) => name !== "constructor" && name !== "grad");
  assert.deepEqual(
    missing(Object.keys(native()) as (keyof Addon)[], forward, () => false),
    [],
    "addon",
  );
  assert.deepEqual(
    missing(functionNames(torch.functional), forward, () => false),
    [],
    "functional.ts",
  );
  assert.deepEqual(
    missing(methods, forward, () => false),
    [],
    "Tensor methods",
  );
});

test("every differentiable op has a gradient check against PyTorch", () => {
  const exempt = (name: string) => withoutGradient.has(name);
  assert.deepEqual(missing([...forward], gradient, exempt), []);
  assert.deepEqual(
    [...withoutGradient].filter((name) => gradient.has(name)),
    [],
    "listed as without a gradient, but has one",
  );
});

test("the ops that are tested elsewhere are named in their files", () => {
  for (const [file, names] of Object.entries(elsewhere)) {
    const text = readFileSync(join(repository, "packages/torch/test", file), "utf8");
    const addonNames = new Set(Object.keys(native()));
    for (const name of names) {
      if (addonNames.has(name) && !(name in torch.Tensor.prototype)) continue; // reached through the public names beside it
      assert.ok(text.includes(name), `${file} does not mention ${name}`);
    }
  }
});
