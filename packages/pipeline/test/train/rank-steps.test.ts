/** Steps of real stages in two processes: parts of a batch that are small, empty, or cut into pieces. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { setNumThreads } from "@slicestack/torch";
import { availability } from "@slicestack/torch/distributed";
import { launchProcesses } from "../../src/train/launch.js";
import { rankSteps, type StepName, type Steps } from "./rank-steps-case.js";

const { backends, reason } = availability();
const skip = backends.length > 0 ? false : reason;
const folder = mkdtempSync(join(tmpdir(), "slicestack-rank-steps-"));
after(() => rmSync(folder, { recursive: true, force: true }));
setNumThreads(1);

let alone: Record<StepName, Steps> | undefined;
let launched: Promise<unknown> | undefined;
/** What the first and the second of two processes found. */
async function inTwo(name: StepName): Promise<[Steps, Steps]> {
  const child = fileURLToPath(new URL("./rank-steps-child.js", import.meta.url));
  launched ??= launchProcesses(2, process.execPath, [child, folder], { cores: 2 });
  assert.deepEqual(await launched, { exitCode: 0, failed: null });
  return [0, 1].map(
    (rank) =>
      (JSON.parse(readFileSync(join(folder, `${rank}.json`), "utf8")) as Record<StepName, Steps>)[name],
  ) as [Steps, Steps];
}

const norm = (values: readonly number[]) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
const apart = (found: readonly number[], wanted: readonly number[]) =>
  norm(wanted.map((value, k) => value - found[k]!)) / norm(wanted);

test(
  "without synchronised batch norm, each process's part of the last batch has at least two slices",
  { skip },
  async () => {
    const [first, second] = await inTwo("resnet18 at 32 pixels");
    // 11 slices in batches of 4: the last three would be parts of two and one.
    assert.deepEqual(
      [first.batches, second.batches],
      [
        [4, 7],
        [4, 7],
      ],
    );
    assert.ok([...first.losses, ...second.losses].every(Number.isFinite));
    assert.deepEqual(second.gradient, first.gradient);
  },
);

test(
  "synchronised batch norm: parts of three and two slices have the same number of pieces, one of them empty",
  { skip },
  async () => {
    const [first, second] = await inTwo("slice_cnn in three pieces");
    assert.deepEqual(second.gradient, first.gradient);
    assert.ok(norm(first.gradient) > 0 && first.losses.every(Number.isFinite));
  },
);

for (const name of ["fine-tuning", "a gru head", "volume_cnn"] as const)
  test(
    `${name}, a batch of one volume: the process without a volume takes the same step as a single process`,
    { skip },
    async () => {
      const [first, second] = await inTwo(name);
      alone ??= rankSteps(folder);
      assert.deepEqual(second.gradient, first.gradient);
      assert.ok(apart(first.gradient, alone[name].gradient) < 1e-5);
      first.losses.forEach((loss, k) => assert.ok(Math.abs(loss / alone![name].losses[k]! - 1) < 1e-6));
    },
  );
