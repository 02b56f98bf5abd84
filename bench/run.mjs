/**
 * `make bench`: microseconds per op, memory over 500 steps, scans prepared in comparison with nibabel and scipy, augmentation, slice
 * training and collectives in comparison with PyTorch, statistics, finding lungs, predictions from DICOM and NIfTI. bench/README.md explains the output.
 *
 *   node bench/run.mjs [ops] [memory] [prepare] [augment] [train] [distributed] [statistics] [regions] [predict] [--rounds 2] [--steps 4]
 *
 * Without a name, all benchmarks run.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFile, median } from "./tools.mjs";
import { parseArgs } from "node:util";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string", default: "2" }, steps: { type: "string", default: "4" } },
});
const wants = (name) => positionals.length === 0 || positionals.includes(name);
const here = (name) => new URL(name, import.meta.url).pathname;
const allocator = findFile(["/usr/lib", "/usr/lib64", "/usr/local/lib"], "libtcmalloc_minimal.so.4");
const plain = {};
const fast = allocator === undefined ? {} : { LD_PRELOAD: allocator };

function json(command, args, env) {
  const text = execFileSync(command, args, {
    encoding: "utf8",
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  return JSON.parse(text.trim().split("\n").at(-1));
}
const ours = (script, args, env) => json(process.execPath, [here(script), ...args], env);
const python = (script, args, env) => json("/usr/bin/python3", ["-W", "ignore", script, ...args], env);
const peer = (args, env) => python(here("peer_pytorch.py"), args, env);
// The reference implementation is beside the checkout; where it is missing, our own script for the same work replaces it.
const shared = here("../../shared/bench/peer_pytorch.py");
function trainingPeer(args, env) {
  if (!existsSync(shared)) return peer(["train", ...args], env);
  const answer = python(shared, ["train-slice-resnet18", ...args], env);
  const [dtype, layout] = answer.tuned ? ["bfloat16", "channels_last"] : ["float32", "contiguous"];
  return { ...answer, dtype, layout };
}

function benchOps() {
  const [us, them] = [ours("ops.mjs", [], plain), peer(["ops"], plain)];
  console.log("\nMicroseconds per op (median of 7 trials, one thread)");
  console.log(`${"".padEnd(26)}${"ours".padStart(8)}${"PyTorch".padStart(10)}${"ratio".padStart(8)}`);
  for (const [name, value] of Object.entries(us)) {
    const other = them[name];
    const compared =
      other === undefined ? "" : `${other.toFixed(2).padStart(10)}${(other / value).toFixed(2).padStart(7)}x`;
    console.log(`${name.padEnd(26)}${value.toFixed(2).padStart(8)}${compared}`);
  }
}

function benchMemory() {
  const { before, after } = ours("train.mjs", ["--memory"], fast);
  console.log("\nMemory over 500 training steps of ResNet-18 (after 50 to warm up)");
  console.log(`live tensors  ${before.tensors} -> ${after.tensors}`);
  console.log(`live bytes    ${before.bytes} -> ${after.bytes}`);
  console.log(`resident      ${before.rss} -> ${after.rss} MB`);
}

function benchStatistics() {
  console.log("\nMilliseconds of an evaluation's statistics, 2000 resamples (median of 3, one thread)");
  for (const [name, value] of Object.entries(ours("statistics.mjs", [], plain)))
    console.log(`${name.padEnd(60)}${value.toFixed(0).padStart(7)}`);
}

function benchAugment() {
  const rounds = Array.from({ length: Number(options.rounds) }, () => [
    ours("augment.mjs", [], fast),
    peer(["augment"], fast),
  ]);
  console.log(
    `\nAugmentation on the CPU: samples per second (medians; alternating, ${rounds.length} rounds)`,
  );
  console.log(`${"".padEnd(40)}${"ours".padStart(9)}${"PyTorch".padStart(10)}${"ratio".padStart(8)}`);
  for (const name of Object.keys(rounds[0][0])) {
    const [us, them] = [0, 1].map((side) => median(rounds.map((round) => round[side][name])));
    const ratio = median(rounds.map(([own, other]) => own[name] / other[name]));
    console.log(
      `${name.padEnd(40)}${us.toFixed(1).padStart(9)}${them.toFixed(1).padStart(10)}${ratio.toFixed(2).padStart(7)}x`,
    );
  }
}

function benchTrain() {
  const steps = ["--steps", options.steps];
  const entrants = [
    { name: "ours", run: () => ours("train.mjs", steps, fast) },
    { name: "PyTorch, tuned", run: () => trainingPeer(["--tuned", ...steps], plain) },
    { name: "PyTorch, plain", run: () => trainingPeer([...steps], plain) },
    ...(allocator === undefined
      ? []
      : [
          { name: "PyTorch, tuned, tcmalloc", run: () => trainingPeer(["--tuned", ...steps], fast) },
          { name: "PyTorch, plain, tcmalloc", run: () => trainingPeer([...steps], fast) },
        ]),
  ].map((entrant) => ({ ...entrant, rates: [], last: {} }));
  const rounds = Number(options.rounds);
  console.log(
    `\nResNet-18 slice training, batch 16, 3 x 128 x 128, Adam: slices per second (median of ${options.steps} steps; alternating, ${rounds} rounds)`,
  );
  console.log(
    allocator === undefined
      ? "tcmalloc is not installed: libc's allocator is used everywhere"
      : `tcmalloc: ${allocator}`,
  );
  console.log(`peer: ${existsSync(shared) ? "shared/bench/peer_pytorch.py" : "bench/peer_pytorch.py"}`);
  for (let round = 0; round < rounds; round++) {
    for (const entrant of entrants) {
      entrant.last = entrant.run();
      entrant.rates.push(entrant.last.rate);
      process.stderr.write(`round ${round + 1}: ${entrant.name} ${entrant.last.rate.toFixed(2)}\n`);
    }
  }
  const [own] = entrants;
  for (const { name, rates, last } of entrants) {
    // The ratio is taken within each round first, so that a slow minute of the machine affects both sides.
    const ratio = median(rates.map((rate, round) => own.rates[round] / rate));
    const facts = `${last.dtype} ${last.layout}, ${last.threads} threads, torch ${last.torch}`;
    const all = rates.map((rate) => rate.toFixed(2)).join(" ");
    console.log(
      `${name.padEnd(26)}${median(rates).toFixed(2).padStart(7)}   ours / this ${ratio.toFixed(2)}x   [${all}]  ${facts}`,
    );
  }
}

function benchRegions() {
  console.log("\nFinding lungs and body (median of 3; seconds of CPU time in brackets)");
  for (const size of ["512x512x64", "512x512x300"]) {
    const { spacing, lungSeconds, lungCpu, bodySeconds, bodyCpu } = ours("regions.mjs", [size], plain);
    console.log(
      `${size.padEnd(12)} ${spacing} mm   lungs ${lungSeconds} s [${lungCpu}]   body ${bodySeconds} s [${bodyCpu}]`,
    );
  }
}

function benchPrepare() {
  const folder = mkdtempSync(join(tmpdir(), "slicestack-bench-"));
  try {
    const file = join(folder, "scan.nii.gz");
    const series = here("../../shared/data/dicom_lung_pet_ct_dx/philips_chest_5mm");
    const args = [here("scan.py"), file, ...(existsSync(series) ? [series] : [])];
    const what = execFileSync("/usr/bin/python3", args, { encoding: "utf8" }).trim();
    console.log(
      `\n512 x 512 x 64 .nii.gz (${what}) to 128 x 128 x 64: volumes per second (alternating, ${options.rounds} rounds)`,
    );
    const prep = (...more) =>
      existsSync(shared)
        ? python(shared, ["prep", file, ...more], plain)
        : python(here("peer_pytorch.py"), ["prep", file, ...more], plain);
    const entrants = [
      { name: "ours", run: () => ours("prepare.mjs", [file], plain) },
      { name: "nibabel + scipy", run: () => prep() },
      { name: "the same, float32, two processes", run: () => prep("--tuned") },
    ].map((entrant) => ({ ...entrant, rates: [] }));
    inTurn(entrants, ({ rate }) => rate);
    const [own] = entrants;
    for (const { name, rates } of entrants) {
      const ratio = median(rates.map((rate, round) => own.rates[round] / rate));
      const all = rates.map((rate) => rate.toFixed(2)).join(" ");
      console.log(
        `${name.padEnd(34)}${median(rates).toFixed(2).padStart(7)}   ours / this ${ratio.toFixed(2)}x   [${all}]`,
      );
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Alternates between the entrants in rounds, so that a slow minute of the machine affects all. */
function inTurn(entrants, rateOf) {
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const entrant of entrants) {
      entrant.rates.push(rateOf(entrant.run()));
      process.stderr.write(`round ${round + 1}: ${entrant.name} ${entrant.rates.at(-1).toFixed(2)}\n`);
    }
  }
}

if (wants("ops")) benchOps();
if (wants("memory")) benchMemory();
if (wants("augment")) benchAugment();
if (wants("train")) benchTrain();
if (wants("prepare")) benchPrepare();
if (wants("distributed"))
  execFileSync(process.execPath, [here("distributed.mjs"), "--rounds", options.rounds], { stdio: "inherit" });
if (wants("statistics")) benchStatistics();
if (wants("regions")) benchRegions();
if (wants("predict"))
  execFileSync(process.execPath, [here("predict.mjs"), "--pairs", "5"], { stdio: "inherit" });
