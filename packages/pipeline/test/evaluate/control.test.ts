/** The label-shuffle control, trained for real: what true labels teach, shuffled ones do not. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { writeNpy } from "@slicestack/volume/node";
import { Random } from "@slicestack/stats";
import { loadConfig } from "../../src/config/load.js";
import { prepare } from "../../src/tasks/prepare.js";
import { makeSplit } from "../../src/data/split/holdout.js";
import { writeSplit } from "../../src/data/split/split.js";
import { evaluate } from "../../src/tasks/evaluate.js";
import { train } from "../../src/tasks/train.js";
import { scratch } from "../train/support.js";

const SIZE = 16;
const DEPTH = 4;
const SUBJECTS = 140;

/** Noise in 256 directions; in one of them, a checkered pattern, the class. */
async function patterns(folder: string): Promise<string> {
  const random = new Random(7);
  const pattern = Array.from({ length: SIZE * SIZE }, (_, i) => (((i >> 2) + (i >> 6)) % 2 === 0 ? 1 : -1));
  const source = join(folder, "scans");
  mkdirSync(source, { recursive: true });
  const rows = ["id,subject,label"];
  for (let k = 0; k < SUBJECTS; k++) {
    const label = k % 2;
    const data = new Float32Array(SIZE * SIZE * DEPTH);
    pattern.forEach((sign, i) => {
      const noise = random.normal();
      for (let s = 0; s < DEPTH; s++)
        data[i * DEPTH + s] = 100 * (noise + 0.5 * random.normal() + 0.16 * sign * (2 * label - 1));
    });
    await writeNpy(join(source, `v${k}.npy`), { data, shape: [SIZE, SIZE, DEPTH] });
    rows.push(`v${k},s${k},${label}`);
  }
  writeFileSync(join(folder, "labels.csv"), `${rows.join("\n")}\n`);
  const destination = join(folder, "data");
  const dataset = await prepare({
    source,
    destination,
    labels: join(folder, "labels.csv"),
    workers: 1,
    name: "patterns",
  });
  writeSplit(dataset, makeSplit(dataset, { seed: 1, fractions: [0.5, 0.15, 0.35] }));
  return destination;
}

test("with true labels the model learns; with shuffled ones its interval on test holds chance", async () => {
  const folder = scratch();
  const data = await patterns(folder);
  const scored = async (name: string, shuffled: boolean) => {
    const text = `
name: labels_${name}
method: 2d
threads: 1
precision: float32
task: {shuffle_labels: ${shuffled}}
slice: {model: slice_cnn, epochs: 8, batch_size: 32, learning_rate: 0.001, schedule: constant}
`;
    const { run } = await train({ config: loadConfig({ text }), data, out: join(folder, name) });
    return (await evaluate({ run, images: false, resamples: 300 })).metrics;
  };
  const learnt = await scored("true", false);
  const control = await scored("shuffled", true);
  const auroc = (metrics: typeof learnt) =>
    metrics.test.find(({ model }) => model === "2d_vote")!.metrics.auroc;
  assert.ok(auroc(learnt).value > 0.8, JSON.stringify(auroc(learnt)));
  assert.equal(learnt.control, null);
  assert.equal(control.control?.atChance, true, JSON.stringify(control.control));
});
