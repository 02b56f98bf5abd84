/** A small prepared data set, the checkpoints that fixtures/import/_checkpoints.py makes for it, and how runs made of them are held against PyTorch. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { liveTensors } from "@slicestack/torch";
import { loadConfig } from "../../src/config/load.js";
import { openDataset } from "../../src/data/store.js";
import { evaluate } from "../../src/tasks/evaluate.js";
import { readPredictions } from "../../src/evaluate/predictions.js";
import { importCheckpoint } from "../../src/tasks/import-checkpoint.js";
import { runPaths } from "../../src/run/folder.js";
import { scratch } from "../train/support.js";
import { generatePhantoms } from "../../src/data/phantom.js";
import { prepare } from "../../src/tasks/prepare.js";

const python = "/usr/bin/python3";
const script = join(import.meta.dirname, "../../../../../fixtures/import/_checkpoints.py");

export const noTorch =
  spawnSync(python, ["-c", "import torch, numpy"]).status === 0
    ? false
    : "torch of /usr/bin/python3 is not installed";

/** Phantoms of the given classes, 32 x 32 pixels, 32 slices, HU. */
export async function phantomData(
  folder: string,
  name: string,
  { counts, seed }: { counts: readonly number[]; seed: number },
): Promise<string> {
  const scans = join(folder, `${name} scans`);
  const { labels } = await generatePhantoms({ destination: scans, counts, seed, size: 48, workers: 1 });
  const destination = join(folder, name);
  await prepare({ source: scans, destination, labels, size: [32, 32], depth: 32, workers: 1, name });
  return destination;
}

/** @returns the folder of NAME.pth, and PyTorch's class probabilities of every volume by its id */
export function makeCheckpoints(folder: string, data: string, names: readonly string[]) {
  const out = join(folder, "checkpoints");
  mkdirSync(out, { recursive: true });
  execFileSync(python, [script, data, out, ...names], { stdio: ["ignore", "ignore", "inherit"] });
  return {
    file: (name: string) => join(out, `${name}.pth`),
    expected: (name: string) =>
      JSON.parse(readFileSync(join(out, `${name}.json`), "utf8")) as Record<string, number[]>,
  };
}

export const publishedConfig = (name: string): string =>
  join(import.meta.dirname, "../../../../../configs/published", `${name}.yaml`);

const small = { precision: "float32", threads: "1" };
/** 3D networks have no slices. */
const smallSlices = { "slice.size": "[32, 32]" };

export interface ImportCase {
  name: string;
  /** One of configs/published; none: the file decides. */
  config?: string;
  overrides?: Record<string, string>;
  model: RegExp;
  /** The rows of predictions.csv; the last one is compared with PyTorch. */
  says: string[];
  notes?: RegExp;
}

/** A test for each case. @returns the folder, where each case's run is runs/NAME and the data set mosmed */
export function importTests(cases: readonly ImportCase[]): string {
  const folder = scratch();
  const data = join(folder, "mosmed");
  let made: ReturnType<typeof makeCheckpoints>;
  before(async () => {
    if (noTorch !== false) return;
    await phantomData(folder, "mosmed", { counts: [2, 1, 1, 1, 1], seed: 5 });
    made = makeCheckpoints(
      folder,
      data,
      cases.map(({ name }) => name),
    );
  });
  for (const { name, config, overrides = {}, model, says, notes = /^/ } of cases) {
    const by = config === undefined ? "without a configuration" : `with configs/published/${config}.yaml`;
    test(`${name}, ${by}: imported, its predictions are PyTorch's`, { skip: noTorch }, async () => {
      const out = join(folder, "runs", name);
      const alive = liveTensors();
      const given = config === undefined ? {} : { config: publishedConfig(config) };
      const result = importCheckpoint({
        checkpoint: made.file(name),
        out,
        ...given,
        overrides: { ...small, ...(says.includes("3d") ? {} : smallSlices), ...overrides },
      });
      assert.equal(liveTensors(), alive);
      assert.match(result.model, model);
      assert.match(result.notes.join("\n"), notes);
      const { table } = await evaluate({ run: out, data });
      assert.match(table, new RegExp(`Imported: ${name}.pth.*Its training data are not known`));
      expectPyTorchs(out, data, made.expected(name), says);
    });
  }
  return folder;
}

/** Where an imported run keeps what it says of the one data set here. */
export function externalFolderOf(run: string): string {
  const [only, ...others] = readdirSync(join(run, "external"));
  assert.deepEqual(others, []);
  return join(run, "external", only!);
}

function expectPyTorchs(
  run: string,
  data: string,
  expected: Record<string, number[]>,
  says: readonly string[],
): void {
  const found = readPredictions(join(externalFolderOf(run), "predictions.csv"));
  assert.deepEqual(
    found.map(({ model, part }) => `${model} ${part}`),
    says.map((one) => `${one} test`),
  );
  const main = found.at(-1)!;
  const labels = new Map(openDataset(data).volumes.map(({ id, label }) => [id, label]));
  const { classMapping } = loadConfig({ file: runPaths(run).config }).task;
  assert.ok(main.ids.length >= 3);
  main.ids.forEach((id, k) => {
    const label = labels.get(id)!;
    assert.equal(main.labels[k], classMapping?.get(label) ?? label, `class of ${id}`);
    main.probabilities[k]!.forEach((p, c) => {
      const wanted = expected[id]![c]!;
      assert.ok(Math.abs(p - wanted) < 2e-4, `${id}, class ${c}: expected ${wanted}, received ${p}`);
    });
  });
}
