/**
 * Checks that training still gives the same numbers, bit by bit: small trainings of every kind, with their weights, probabilities
 * and metrics hashed and compared with fixtures/golden/results.json. Use it for a change that moves code and must not change results.
 * Most cases train on phantoms; two train on the data sets of the ablations (docs/explanation/evidence.md), prepared from
 * ../shared/data, and are left out where it is absent.
 *
 *   node scripts/golden.mjs [--write] [--only REGEX] [--precision float32|bfloat16] [--keep FOLDER]
 *
 * --write         record the results instead of comparing them
 * --only REGEX    only the cases whose name matches
 * --precision P   only this precision; default: both
 * --keep FOLDER   folder in which data and runs are kept; default: a temporary folder
 *
 * The last bits depend on libtorch, its BLAS and the CPU (which decides the kernels), so the file has an entry for each such engine;
 * for an engine without an entry there is nothing to compare with, and the script says so and exits with 3. The whole record is of
 * Debian 12's reference BLAS. Where OpenBLAS is installed too, it is chosen by
 *
 *   LD_LIBRARY_PATH=/usr/lib/x86_64-linux-gnu/blas:/usr/lib/x86_64-linux-gnu/lapack node scripts/golden.mjs
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { cpus, tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { libtorchInfo } from "@slicestack/torch";

const { values: options } = parseArgs({
  options: {
    write: { type: "boolean" },
    only: { type: "string", default: "" },
    precision: { type: "string" },
    keep: { type: "string" },
  },
});
const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const file = join(root, "fixtures/golden/results.json");
const command = join(root, "node_modules/slicestack/bin/slicestack.js");

/** Flags of every case by method: short, one thread, two epochs per stage. */
const slices = {
  "slice.model": "slice_cnn",
  "slice.slices_per_volume": 6,
  "slice.epochs": 2,
  "slice.size": "[32, 32]",
};
const heads = { "head.epochs": 2, "head.batch_size": 8, "fine_tune.batch_size": 4 };
// As the head of configs/demo.yaml.
const recipe = { "network.learning_rate": 0.003, "network.schedule": "one_cycle", "network.dropout": 0.3 };
const networks = { "network.epochs": 2, "network.batch_size": 8, ...recipe };
const common = { "2d": slices, "2.5d": { ...slices, ...heads }, "3d": networks };
const threeD = { method: "3d", "network.size": "[32, 32, 32]", "transform.augment": "strong" };
const cases = {
  "2d": { method: "2d" },
  "2d resnet18, three planes, neighbours": {
    method: "2d",
    "slice.model": "resnet18",
    "transform.planes": "three",
    "transform.neighbours": 3,
    "slice.slices_per_volume": 3,
    "slice.epochs": 1,
  },
  "2d ordinal, majority": { method: "2d", "slice.loss": "ordinal", "slice.vote": "majority" },
  "2.5d flatten": { "head.model": "flatten" },
  "2.5d attention, views": { "head.model": "attention", "head.views": 1 },
  "2.5d transformer, sampled slices": { "head.model": "transformer", "head.slices": 10 },
  "2.5d gru, windows": {
    "head.model": "gru",
    "transform.window": "null",
    "transform.windows": "[[-1000, 400], [-160, 240]]",
  },
  "2.5d maps": { "head.model": "maps_3d" },
  "2.5d fine-tuned": { "head.model": "attention", "fine_tune.epochs": 1, "fine_tune.slices": 8 },
  "3d attn": { ...threeD, "network.model": "attn" },
  "3d simple_modular, padded": {
    ...threeD,
    "network.model": "simple_modular",
    "network.fit": "pad",
    "network.loss": "focal",
  },
};

/** The data sets of the ablations: their source below ../shared/data, and how evidence.md prepares and splits them. */
const realData = {
  adrenal: { source: "adrenalmnist3d/adrenalmnist3d_64.npz", config: "configs/adrenalmnist3d.yaml" },
  lidc: {
    source: "lidc_nodules",
    config: "configs/lidc_nodules_quick.yaml",
    split: ["--folds", "5"],
    train: ["--fold", "0"],
  },
};
const shortHead = { "head.epochs": 3 };
/** One seed and one fold, by the published configurations with fewer epochs. */
const realCases = {
  "adrenal 2.5d": {
    set: "adrenal",
    "slice.epochs": 1,
    "slice.slices_per_volume": 4,
    "head.slices": 12,
    ...shortHead,
  },
  "lidc 2.5d, fold 0": { set: "lidc", "slice.epochs": 2, ...shortHead },
};
const shared = join(root, "../shared/data");

const work =
  options.keep === undefined ? mkdtempSync(join(tmpdir(), "slicestack-golden-")) : resolve(options.keep);
mkdirSync(work, { recursive: true });
process.env.XDG_CACHE_HOME = join(work, "cache");
process.env.OMP_WAIT_POLICY ??= "passive";

function slicestack(...args) {
  const { status, stderr } = spawnSync(process.execPath, [command, ...args], { cwd: work, encoding: "utf8" });
  if (status !== 0) throw new Error(`slicestack ${args.join(" ")}: exit code ${status}\n${stderr}`);
}

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex").slice(0, 16);

/** The tensors of a weights file without its header, which may say more about them one day. */
function weightsHash(path) {
  const bytes = readFileSync(path);
  return sha256(bytes.subarray(8 + Number(bytes.readBigUInt64LE(0))));
}

/** All numbers of metrics.json; names, folders and versions are not results. */
function metricsHash(path) {
  const numbers = [];
  const walk = (value, key) => {
    if (typeof value === "number" && key !== "version") numbers.push(value);
    else if (typeof value === "object" && value !== null)
      for (const each of Object.keys(value)) walk(value[each], each);
  };
  walk(JSON.parse(readFileSync(path, "utf8")));
  return sha256(numbers.join());
}

function resultsOf(run) {
  const stages = readdirSync(join(run, "checkpoints")).sort();
  const weights = stages.map((stage) => [
    stage,
    weightsHash(join(run, "checkpoints", stage, "best.safetensors")),
  ]);
  return {
    weights: Object.fromEntries(weights),
    predictions: sha256(readFileSync(join(run, "predictions.csv"))),
    metrics: metricsHash(join(run, "metrics.json")),
  };
}

function runCase(name, precision) {
  const { set, ...given } = cases[name] ?? realCases[name];
  const { config = "configs/demo.yaml", train = [] } = realData[set] ?? {};
  const data = set === undefined ? "demo/data" : set;
  const out = `runs/${name} ${precision}`;
  rmSync(join(work, out), { recursive: true, force: true });
  const shorter = set === undefined ? common[given.method ?? "2.5d"] : {};
  const keys = { threads: 1, ...shorter, ...given, precision };
  const flags = Object.entries(keys).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
  slicestack("train", "--config", join(root, config), "--data", data, "--out", out, ...train, ...flags);
  slicestack("evaluate", out, "--no-images");
  const results = resultsOf(join(work, out));
  if (set === undefined) return results;
  return {
    data: JSON.parse(readFileSync(join(work, data, "dataset.json"), "utf8")).hash.slice(0, 16),
    ...results,
  };
}

/** The data set of a case is prepared when it is first needed. @returns whether its source is there */
function hasData(name) {
  const set = realCases[name]?.set;
  if (set === undefined) {
    if (!existsSync(join(work, "demo/data")))
      slicestack("demo", "--subjects", "60", "--epochs", "1", "--volume-epochs", "1", "--set", "threads=1");
    return true;
  }
  const { source, split } = realData[set];
  if (!existsSync(join(shared, source))) return false;
  if (existsSync(join(work, set))) return true;
  slicestack("prepare", join(shared, source), set);
  if (split !== undefined) slicestack("split", set, ...split);
  return true;
}

const { version, cpuCapability } = libtorchInfo();
const cpuinfo = existsSync("/proc/cpuinfo") ? readFileSync("/proc/cpuinfo", "utf8") : "";
const fastBfloat16 = ["avx512_bf16", "amx_bf16"].filter((flag) => cpuinfo.includes(flag));
// Debian's libtorch takes the system's BLAS, and installing numpy brings another one. The name is of the library that this process
// has loaded, so that LD_LIBRARY_PATH can choose it: the folder of libblas.so.3, as /usr/lib/x86_64-linux-gnu/blas.
const mapped = existsSync("/proc/self/maps") ? readFileSync("/proc/self/maps", "utf8") : "";
const blas = /\S+\/libblas\.so\S*/.exec(mapped)?.[0];
const blasName = blas === undefined ? "no system BLAS" : basename(dirname(blas));
const cpu = [cpuCapability, cpus()[0]?.model ?? "unknown", ...fastBfloat16, blasName].join(", ");
const engine = `libtorch ${version}, ${process.platform} ${process.arch}, ${cpu}`;
const recorded = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
const before = recorded[engine] ?? {};

/** Saved after each case, so that a long recording can be stopped without losing everything. */
function record(name, results) {
  before[name] = results;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify({ ...recorded, [engine]: before }, null, 2)}\n`);
}

function compare(name, results) {
  const expected = before[name];
  const differs = (key) => JSON.stringify(results[key]) !== JSON.stringify(expected?.[key]);
  const differing = expected === undefined ? ["nothing recorded"] : Object.keys(results).filter(differs);
  console.log(`${name}: ${differing.length === 0 ? "the same" : differing.join(", ")}`);
  if (differing.length > 0) process.exitCode = expected === undefined ? 3 : 1;
}

const precisions = options.precision === undefined ? ["float32", "bfloat16"] : [options.precision];
const all = [...Object.keys(cases), ...Object.keys(realCases)];
const names = all.filter((name) => new RegExp(options.only).test(name));
const absent = names.filter((name) => !hasData(name));
for (const name of absent) console.log(`${name}: left out, because its data are not at ../shared/data`);
for (const name of names.filter((each) => !absent.includes(each)))
  for (const precision of precisions) {
    const results = runCase(name, precision);
    if (options.write) record(`${name}, ${precision}`, results);
    else compare(`${name}, ${precision}`, results);
  }
if (options.keep === undefined) rmSync(work, { recursive: true, force: true });
