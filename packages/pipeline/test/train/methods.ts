/** One combination of settings on the tiny phantoms: trained, stopped in the middle and resumed to the same bits, evaluated. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { stagesOf } from "../../src/config/stages.js";
import { evaluate } from "../../src/tasks/evaluate.js";
import { readPredictions } from "../../src/evaluate/predictions.js";
import { runPaths, type StageName } from "../../src/run/folder.js";
import { train } from "../../src/tasks/train.js";
import { blankRun, curvesOf, scratch, tinyConfig, tinyDataset, trainHere, weightsOf } from "./support.js";

const folder = scratch();
export const runFolder = (name: string): string => join(folder, name);
let made: Promise<string> | undefined;
/** The data set of this file's tests, and a run on it that was stopped before its first step. */
export const tinyData = (): Promise<string> => (made ??= begin());

async function begin(): Promise<string> {
  const data = await tinyDataset(folder);
  await train({ config: tinyConfig(), data, out: runFolder("begun"), signal: AbortSignal.abort() });
  return data;
}

/** @param stop the stage that is interrupted in its last epoch */
export function methodTest(name: string, overrides: Record<string, string>, stop?: StageName): void {
  const config = tinyConfig(overrides);
  const stages = stagesOf(config);
  test(`${name}: trains, resumes to the same bits, evaluates`, async () => {
    const data = await tinyData();
    const [whole, out] = [runFolder(`${name} whole`), runFolder(name)];
    blankRun(runFolder("begun"), whole, config);
    trainHere(whole, data);
    const curves = curvesOf(whole);
    for (const row of curves)
      for (const key of ["train_loss", "gradient_norm", "val_loss"])
        assert.ok(Number.isFinite(row[key]), `${key} ${JSON.stringify(row)}`);

    const stage = stop ?? stages.at(-1)!;
    const steps = curves.filter((row) => row["stage"] === stage).map((row) => row["step"] as number);
    const step = steps.length === 1 ? 1 : steps.at(-2)! + 1; // in the middle of the last epoch
    blankRun(whole, out);
    assert.equal(trainHere(out, data, { stage, step }).status, "stopped");
    assert.equal(trainHere(out, data).status, "finished");
    assert.deepEqual(weightsOf(out, stages), weightsOf(whole, stages));
    assert.deepEqual(curvesOf(out), curves);

    const { metrics } = await evaluate({ run: out });
    const main = { "2d": "2d_vote", "2.5d": "2.5d", "3d": "3d" }[config.method];
    assert.ok(metrics.test.some(({ model }) => model === main));
    const predictions = readPredictions(runPaths(out).predictions).filter(({ model }) => model === main);
    assert.deepEqual(
      predictions.map(({ part }) => part),
      ["val", "test"],
    );
    for (const { probabilities } of predictions)
      for (const row of probabilities)
        assert.ok(Math.abs(row.reduce((a, b) => a + b, 0) - 1) < 1e-6 && row.every((p) => p >= 0));
  });
}
