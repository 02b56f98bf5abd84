/**
 * Prints slices per second of training as a JSON line; the same work as `peer_pytorch.py train`.
 * A short trial chooses the faster memory layout; bfloat16 is used only where the CPU can multiply it.
 *
 *   node bench/train.mjs [--steps 4] [--memory]     --memory: 500 steps of a smaller batch, live tensors and resident memory
 */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { crossEntropy } from "../packages/torch/dist/src/functional.js";
import * as torch from "../packages/torch/dist/src/index.js";
import { Adam } from "../packages/torch/dist/src/optim/index.js";
import { median } from "./tools.mjs";
import { sliceNet } from "./slice-net.mjs";

const { values: options } = parseArgs({
  options: { steps: { type: "string", default: "4" }, memory: { type: "boolean" } },
});
const [batch, size] = options.memory ? [2, 32] : [16, 128];

torch.setNumThreads(availableParallelism());
torch.manualSeed(1);
const net = sliceNet();
const optimizer = new Adam(net.parameters(), { learningRate: 1e-3 });
const images = torch.randn([batch, 3, size, size]);
const labels = torch.randint(0, 5, [batch]);
const enabled = /\b(amx_bf16|avx512_bf16)\b/.test(readFlags());

function readFlags() {
  try {
    return readFileSync("/proc/cpuinfo", "utf8");
  } catch {
    return "";
  }
}

function step(x) {
  const scope = new torch.Scope();
  const loss = torch.autocast({ enabled }, () =>
    crossEntropy(net.forward(x).to({ dtype: "float32" }), labels),
  );
  optimizer.zeroGrad();
  loss.backward();
  optimizer.step();
  scope[Symbol.dispose]();
}

/** Seconds of each step. */
function times(x, steps) {
  return Array.from({ length: steps }, () => {
    const started = performance.now();
    step(x);
    return (performance.now() - started) / 1000;
  });
}

function inLayout(memoryFormat) {
  net.to({ memoryFormat });
  return images.to({ memoryFormat });
}

function train() {
  const trial = ["contiguous", "channels_last"].map((layout) => ({
    layout,
    seconds: Math.min(...times(inLayout(layout), 2)),
  }));
  const [{ layout }] = trial.sort((a, b) => a.seconds - b.seconds);
  const x = inLayout(layout);
  times(x, 1);
  const rate = batch / median(times(x, Number(options.steps)));
  return {
    rate,
    layout,
    dtype: enabled ? "bfloat16" : "float32",
    threads: torch.getNumThreads(),
    torch: torch.libtorchInfo().version,
  };
}

function memory() {
  const line = () => ({
    tensors: torch.liveTensors(),
    bytes: torch.liveBytes(),
    rss: Math.round(process.memoryUsage().rss / 2 ** 20),
  });
  times(images, 50);
  const before = line();
  times(images, 500);
  return { before, after: line() };
}

console.log(JSON.stringify(options.memory ? memory() : train()));
