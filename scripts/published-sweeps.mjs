/**
 * Runs the published experiments, each from its one file in configs/sweeps/, twice: on this machine, and on a Slurm
 * cluster that it starts here. Compares every metric and the predictions of every trial, and who wins.
 *
 *   node scripts/published-sweeps.mjs [--seeds 1] [--epochs 1] [--only PATTERN] [--data FOLDER]
 *                                     [--settings JSON] [--keep FOLDER]
 *
 * --data   a prepared data set; by default phantoms of five classes are made
 * --settings  keys that all trials change, e.g. {"task.class_names": ["benign", "malignant"]}
 * --keep   where the sweeps are kept; by default they are removed. An experiment that is done there is not run again
 */
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

const compiled = (name) => import(new URL(`../packages/cli/dist/test/${name}.js`, import.meta.url));
const { publishedSweeps, smallPublished, trialOutcomes } = await compiled("published-sweep");
const { becomeOrdinaryUser, noSlurm, SlurmCluster } = await compiled("slurm");
const command = new URL("../packages/cli/bin/slicestack.js", import.meta.url).pathname;
const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1" },
    epochs: { type: "string", default: "1" },
    only: { type: "string", default: "" },
    data: { type: "string" },
    settings: { type: "string", default: "{}" },
    keep: { type: "string" },
  },
});
if (noSlurm !== false) throw new Error(noSlurm);
const data = values.data === undefined ? null : resolve(values.data);
if (values.keep !== undefined) {
  mkdirSync(values.keep, { recursive: true });
  chmodSync(values.keep, 0o777);
}
becomeOrdinaryUser();
const folder =
  values.keep === undefined ? mkdtempSync(join(tmpdir(), "slicestack-published-")) : resolve(values.keep);
const clusterFolder = mkdtempSync(join(tmpdir(), "slicestack-cluster-"));
let cluster;
try {
  cluster = await SlurmCluster.start(clusterFolder, 2);
  const rows = [];
  for (const name of publishedSweeps.filter((one) => new RegExp(values.only).test(one))) {
    rows.push(compared(name, data ?? (await phantoms())));
    console.log(rows.at(-1).row);
  }
  if (rows.some(({ isSame }) => !isSame)) process.exitCode = 1;
} finally {
  await cluster?.stop();
  rmSync(clusterFolder, { recursive: true, force: true });
  if (values.keep === undefined) rmSync(folder, { recursive: true, force: true });
}

/** 40 subjects of five classes, 32 slices of 32 x 32, the least that the 3D network takes. */
async function phantoms() {
  const prepared = join(folder, "data");
  if (existsSync(join(prepared, "dataset.json"))) return prepared;
  const { generatePhantoms, prepare } = await import("@slicestack/pipeline");
  const source = join(folder, "scans");
  const { labels } = await generatePhantoms({
    destination: source,
    subjects: 40,
    seed: 3,
    size: 48,
    minimum: 4,
    workers: 1,
  });
  const recipe = { size: [32, 32], depth: 32, workers: 1, name: "phantoms" };
  await prepare({ source, destination: prepared, labels, ...recipe });
  return prepared;
}

function compared(name, dataset) {
  const { seeds, epochs } = values;
  const file = join(folder, `${name}.yaml`);
  const more = "slurm: {poll: 1, throttle: 2}\nrun: {slots: 1}\n";
  const sizes = { seeds: Number(seeds), epochs: Number(epochs), settings: JSON.parse(values.settings) };
  writeFileSync(file, smallPublished(name, { data: dataset, ...sizes, more }));
  const [here, there] = [join(folder, "here", name), join(folder, "slurm", name)];
  const winners = [run(file, here), run(file, there, "--on", "slurm")];
  const [local, remote] = [trialOutcomes(here), trialOutcomes(there)];
  const isSame = JSON.stringify([local, winners[0]]) === JSON.stringify([remote, winners[1]]);
  const isDone = local.every(({ status }) => status === "finished");
  const metrics = local.reduce((sum, one) => sum + Object.keys(one.metrics).length, 0);
  const shown = winners.map(({ point, objective }) => `${point.name} ${objective.toFixed(4)}`);
  const verdict = isSame && isDone ? "identical" : "DIFFERENT";
  return {
    isSame: isSame && isDone,
    row: `| ${name.replace("mosmed_", "")} | ${local.length} | ${shown.join(" | ")} | ${metrics} metrics and all predictions: ${verdict} |`,
  };
}

/** @returns the best point, with its score on the validation set */
function run(file, out, ...more) {
  const env = { ...process.env, ...cluster.env };
  const args = ["sweep", "run", file, "--out", out, ...more, "--json"];
  const { status, stdout, stderr } = spawnSync(command, args, { env, encoding: "utf8", cwd: folder });
  if (status !== 0) throw new Error(`slicestack ${args.join(" ")} ended with ${status}: ${stderr}`);
  const result = JSON.parse(stdout);
  return result.best ?? result.sweep.best;
}
