/**
 * New scans to probabilities, ours beside one script of pydicom or nibabel, scipy and PyTorch (peer_predict.py), in turn:
 * one DICOM series with the start of the process, and a loop over volumes with an open model.
 *
 *   node bench/predict.mjs [cold] [warm] [--pairs 5] [--slices 300] [--size 512] [--volumes 20]
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findFile, median } from "./tools.mjs";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    pairs: { type: "string", default: "5" },
    slices: { type: "string", default: "300" },
    size: { type: "string", default: "512" },
    volumes: { type: "string", default: "20" },
  },
});
const wants = (name) => positionals.length === 0 || positionals.includes(name);
const here = (name) => new URL(name, import.meta.url).pathname;
const allocator = findFile(["/usr/lib", "/usr/lib64", "/usr/local/lib"], "libtcmalloc_minimal.so.4");

const folder = mkdtempSync(join(tmpdir(), "slicestack-bench-predict-"));
const at = (...names) => join(folder, ...names);
function run(command, args, env = {}) {
  const stdio = ["ignore", "pipe", "ignore"];
  const text = execFileSync(command, args, { encoding: "utf8", stdio, env: { ...process.env, ...env } });
  return text.trim().split("\n").at(-1);
}
// As its link in node_modules/.bin starts it: a shell that preloads the allocator, then Node.
const ours = (...args) => run("/bin/sh", [here("../packages/cli/bin/slicestack.js"), ...args]);
// Under the allocator that ours loads for itself.
const python = (script, ...args) =>
  run(
    "/usr/bin/python3",
    ["-W", "ignore", here(script), ...args],
    allocator === undefined ? {} : { LD_PRELOAD: allocator },
  );
const peer = (...args) => JSON.parse(python("peer_predict.py", at("weights.safetensors"), ...args));

/** A ResNet-18 with the weights that it starts from: as fast as a trained one. */
async function makeModel() {
  const { generatePhantoms } = await import("@slicestack/pipeline");
  await generatePhantoms({
    destination: at("scans"),
    counts: [4, 4, 0, 0, 0],
    seed: 1,
    size: 64,
    workers: 2,
  });
  ours("prepare", at("scans"), at("data"), "--size", "128,128", "--depth", "64");
  writeFileSync(
    at("c.yaml"),
    "method: 2d\nprecision: float32\ntransform: {window: [-1000, 400]}\nslice: {model: resnet18, epochs: 0}\n",
  );
  ours("train", "--config", at("c.yaml"), "--data", at("data"), "--out", at("run"));
  ours("export", at("run"), at("weights.safetensors"), "--to", "safetensors");
}

function inTurn(title, entrants) {
  const seconds = entrants.map(() => []);
  for (let pair = 0; pair < Number(options.pairs); pair++)
    entrants.forEach((measure, k) => seconds[k].push(measure()));
  const ratios = seconds[0].map((own, pair) => seconds[1][pair] / own);
  const text = (values) => values.map((value) => value.toFixed(2)).join(" ");
  console.log(`\n${title}`);
  console.log(`ours  median ${median(seconds[0]).toFixed(2)} s   [${text(seconds[0])}]`);
  console.log(`peer  median ${median(seconds[1]).toFixed(2)} s   [${text(seconds[1])}]`);
  const range = `[${Math.min(...ratios).toFixed(2)}, ${Math.max(...ratios).toFixed(2)}]`;
  const load = loadavg()[0].toFixed(0);
  console.log(
    `peer / ours  median ${median(ratios).toFixed(2)}x ${range}, ${ratios.length} pairs, load ${load}`,
  );
}

function wall(body) {
  const started = performance.now();
  body();
  return (performance.now() - started) / 1000;
}

function cold() {
  mkdirSync(at("series"));
  python("dicom_make.py", at("series"), options.slices, options.size);
  inTurn(
    `One series of ${options.slices} slices of ${options.size} x ${options.size}, the start of the process included`,
    [
      () => wall(() => ours("predict", at("run"), at("series"), "--json")),
      () => wall(() => peer("cold", at("series"))),
    ],
  );
}

async function warm() {
  const { generatePhantoms } = await import("@slicestack/pipeline");
  const count = Number(options.volumes);
  const counts = [count, 0, 0, 0, 0];
  await generatePhantoms({ destination: at("volumes"), counts, seed: 2, size: 256, workers: 2 });
  const files = readdirSync(at("volumes"))
    .filter((name) => name.endsWith(".nii.gz"))
    .map((name) => at("volumes", name));
  const program = at("loop.mjs");
  writeFileSync(program, loop());
  inTurn(`A loop over ${count} volumes of 256 x 256 with an open model`, [
    () =>
      Number(
        run(
          process.execPath,
          [program, at("run"), ...files],
          allocator === undefined ? {} : { LD_PRELOAD: allocator },
        ),
      ),
    () => peer("warm", ...files).seconds,
  ]);
}

const loop = () => `
import { Predictor } from ${JSON.stringify(import.meta.resolve("@slicestack/pipeline"))};
const [run, ...files] = process.argv.slice(2);
const model = await Predictor.open(run);
await model.predict(files[0]);
const started = performance.now();
await model.predict(files);
console.log((performance.now() - started) / 1000);
await model[Symbol.asyncDispose]();
`;

try {
  await makeModel();
  if (wants("cold")) cold();
  if (wants("warm")) await warm();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
