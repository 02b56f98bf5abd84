/**
 * The cost of 2D, 2.5D and 3D for deeper, wider and more volumes: node bench/complexity.mjs OUT [THREADS]
 * Each size is a data set of synthetic volumes (noise; time does not depend on the content). Every run is the command in a
 * separate process, so that its peak memory can be measured: the total time of training, and the prediction of a volume and counts
 * of multiply-adds as `evaluate` writes them into cost.json. One size changes at a time, the others stay at the middle.
 * Run `make build` first. Results that already exist in OUT are reused. Tables go to stdout as Markdown, and the figure to
 * OUT/complexity.svg.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { curves } from "../packages/pipeline/dist/src/report/figures/axes.js";
import { coloursOf, drawSvg } from "../packages/pipeline/dist/src/page/drawing.js";
import { writeNpy } from "../packages/volume/dist/src/node.js";

const [given, threads = "2"] = process.argv.slice(2);
if (given === undefined) throw new Error("usage: node bench/complexity.mjs OUT [THREADS]");
const out = resolve(given);
const program = join(dirname(fileURLToPath(import.meta.url)), "../packages/cli/bin/slicestack.js");

const MIDDLE = { slices: 32, side: 64, volumes: 40 };
const AXES = { slices: [32, 64, 96], side: [32, 64, 96], volumes: [20, 40, 80] };
const NAMES = { slices: "slices per volume", side: "pixels per side", volumes: "training volumes" };
/** One configuration for all sizes: only the method differs. */
const RECIPE =
  "slice: {model: slice_cnn, epochs: 4, batch_size: 64, slices_per_volume: 8}\nhead: {model: attention, epochs: 20, batch_size: 16}\n";
const METHODS = {
  "2D": `method: 2d\n${RECIPE}`,
  "2.5D": RECIPE,
  "3D": "method: 3d\nnetwork: {model: simple_modular, epochs: 4, batch_size: 8}\n",
};

function command(...words) {
  const began = performance.now();
  const { status, stderr } = spawnSync(process.execPath, [program, ...words], { encoding: "utf8" });
  if (status !== 0) throw new Error(`slicestack ${words.join(" ")}: ${stderr}`);
  return (performance.now() - began) / 1000;
}

/** Train, val and test are 60, 20 and 20 %. */
async function datasetOf({ slices, side, volumes }) {
  const name = `${slices}x${side}x${volumes}`;
  const directory = join(out, "data", name);
  if (existsSync(join(directory, "split.json"))) return directory;
  const source = join(out, "volumes", name);
  const count = Math.round(volumes / 0.6);
  for (let k = 0; k < count; k++) {
    const folder = join(source, `class_${k % 2}`);
    mkdirSync(folder, { recursive: true });
    const data = Uint8Array.from({ length: side * side * slices }, () => Math.floor(256 * Math.random()));
    await writeNpy(join(folder, `${k}.npy`), { shape: [side, side, slices], data });
  }
  command("prepare", source, directory, "--overwrite");
  command("split", directory);
  return directory;
}

/** Seconds of training, seconds and multiply-adds of a prediction, bytes at the peak of training. */
async function costOf(method, size) {
  const name = `${size.slices}x${size.side}x${size.volumes}-${method}`;
  const kept = join(out, "costs", `${name}.json`);
  if (existsSync(kept)) return JSON.parse(readFileSync(kept, "utf8"));
  const data = await datasetOf(size);
  const config = join(out, `${method}.yaml`);
  writeFileSync(config, `name: complexity\nthreads: ${threads}\n${METHODS[method]}`);
  const run = join(out, "runs", name);
  const trainingSeconds = command("train", "--config", config, "--data", data, "--out", run);
  command("evaluate", run, "--no-images");
  const { secondsAVolume, multiplyAdds, trainingPeakMemory } = JSON.parse(
    readFileSync(join(run, "cost.json"), "utf8"),
  );
  const cost = { method, ...size, trainingSeconds, secondsAVolume, multiplyAdds, trainingPeakMemory };
  mkdirSync(dirname(kept), { recursive: true });
  writeFileSync(kept, JSON.stringify(cost));
  console.error(`${name}: ${trainingSeconds.toFixed(1)} s`);
  return cost;
}

const rows = [];
for (const [axis, values] of Object.entries(AXES))
  for (const value of values)
    for (const method of Object.keys(METHODS)) {
      const cost = await costOf(method, { ...MIDDLE, [axis]: value });
      rows.push({ axis, value, ...cost, gib: cost.trainingPeakMemory / 2 ** 30 });
    }

const cell = ({ trainingSeconds, gib, secondsAVolume, multiplyAdds }) =>
  `${trainingSeconds.toFixed(1)} s, ${gib.toFixed(2)} GiB, ${(1000 * secondsAVolume).toFixed(0)} ms, ${(multiplyAdds / 1e9).toFixed(2)} G`;
for (const [axis, values] of Object.entries(AXES)) {
  console.log(`| ${NAMES[axis]} | ${Object.keys(METHODS).join(" | ")} |\n|---|---|---|---|`);
  for (const value of values) {
    const results = Object.keys(METHODS).map((method) =>
      rows.find((row) => row.axis === axis && row.value === value && row.method === method),
    );
    console.log(`| ${value} | ${results.map(cell).join(" | ")} |`);
  }
  console.log("");
}

const names = Object.keys(METHODS);
const FIELDS = {
  trainingSeconds: {
    title: "training, s",
    from: 2,
    scale: { type: "log", nice: false },
    ticks: [2, 5, 10, 20, 50, 100, 200],
  },
  gib: { title: "peak memory of training, GiB", from: 0, scale: {}, ticks: undefined },
};
function panel(axis, field, first) {
  const { title, from, scale, ticks } = FIELDS[field];
  const x = {
    field: "x",
    type: "quantitative",
    title: NAMES[axis],
    scale: { type: "log", base: 2, nice: false },
    axis: { values: AXES[axis], grid: false, format: "d" },
  };
  const domain = [from, Math.max(...rows.map((row) => row[field]))];
  const y = {
    field: "y",
    type: "quantitative",
    title: first ? title : null,
    scale: { ...scale, domain },
    axis: { values: ticks, format: "~g" },
  };
  const colours = coloursOf(names);
  const lines = names.map((name) => {
    const rowsOfMethod = rows.filter((row) => row.axis === axis && row.method === name);
    return {
      name,
      colour: colours.get(name),
      points: rowsOfMethod.map((row) => ({ x: row.value, y: row[field] })),
    };
  });
  return { width: 190, height: 170, ...curves(lines, x, y, null) };
}
const axes = Object.keys(AXES);
const spec = {
  columns: axes.length,
  spacing: 34,
  concat: Object.keys(FIELDS).flatMap((field) => axes.map((axis, k) => panel(axis, field, k === 0))),
};
const examples = names.map((method) => {
  const secondsAt = (value) =>
    rows
      .find((row) => row.axis === "slices" && row.method === method && row.value === value)
      .trainingSeconds.toFixed(0);
  return `${method} ${secondsAt(32)} s at 32 slices, ${secondsAt(96)} s at 96`;
});
const alternative = {
  title: "Cost of training by method",
  description: `Seconds and memory of training by slices, pixels and volumes. ${examples.join("; ")}.`,
};
writeFileSync(
  join(out, "complexity.svg"),
  (await drawSvg(spec, alternative)).replaceAll("currentColor", "#24292f"),
);
