/** A start that is refused leaves nothing behind; a run is replaced only on purpose, and only where it is one. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { cudaDeviceCount, fromTypedArray, scope } from "@slicestack/torch";
import { ConfigError } from "../../src/config/errors.js";
import { writeSafetensors } from "../../src/weights/safetensors.js";
import { FolderError } from "../../src/data/owned-folder.js";
import { CheckpointError } from "../../src/index.js";
import { ModelError } from "../../src/models/common/model-error.js";
import { runPaths } from "../../src/run/folder.js";
import { trainGroup } from "../../src/study/train-group.js";
import { train } from "../../src/tasks/train.js";
import { scratch, tinyConfig, tinyDataset } from "./support.js";

const folder = scratch();
const at = (name: string) => join(folder, name);
let data = "";
before(async () => {
  data = await tinyDataset(folder);
  scope(() =>
    writeSafetensors(at("other.safetensors"), new Map([["w", fromTypedArray(new Float32Array(1))]])),
  );
});

type Refusal = [
  what: string,
  overrides: Record<string, string>,
  error: new (...args: never[]) => Error,
  message: RegExp,
];
const volumes = { method: "3d", "network.model": "simple" };
const refusals: Refusal[] = [
  [
    "a GPU that is not there",
    { device: `cuda:${cudaDeviceCount()}` },
    ConfigError,
    /device: expected a device of libtorch .* on this machine \(cpu.*received cuda/,
  ],
  [
    "a size that the 3D model cannot pool",
    { ...volumes, "network.size": "[8, 8, 4]" },
    ModelError,
    /halves its input 3 times/,
  ],
  [
    "a head that does not go with the planes",
    { "head.model": "maps_3d", "transform.planes": "three" },
    ConfigError,
    /maps_3d stacks the maps/,
  ],
  [
    "a checkpoint of another model",
    { checkpoint: "other.safetensors" },
    CheckpointError,
    /does not fit the model/,
  ],
  ["a checkpoint that is missing", { checkpoint: "none.safetensors" }, CheckpointError, /not found/],
];

for (const [what, overrides, kind, message] of refusals) {
  test(`${what}: refused with its class, and neither a run nor a group is left`, async () => {
    const files = "checkpoint" in overrides ? { checkpoint: at(overrides["checkpoint"]) } : {};
    const config = tinyConfig({ ...overrides, ...files });
    const isRefused = (error: unknown) => error instanceof kind && message.test(error.message);
    await assert.rejects(train({ config, data, out: at("refused") }), isRefused);
    await assert.rejects(trainGroup({ config, data, out: at("refused"), seeds: 2 }), isRefused);
    assert.ok(!existsSync(at("refused")));
  });
}

test("a later stage alone has no weights to start from: refused before the folder is created", async () => {
  const start = train({ config: tinyConfig(), data, out: at("refused"), stage: "volume" });
  await assert.rejects(
    start,
    (error) =>
      error instanceof ConfigError && /slice stage is trained; give it with --resume/.test(error.message),
  );
  assert.ok(!existsSync(at("refused")));
});

test("overwrite replaces a run, and a group, with all their content; a refusal leaves them unchanged", async () => {
  const config = tinyConfig({ "slice.epochs": "1", "head.epochs": "1" });
  const out = at("replaced");
  await train({ config, data, out });
  writeFileSync(join(out, "report.html"), "of the old run");
  await assert.rejects(train({ config, data, out }), /already holds a run.*--overwrite/);
  const wrong = tinyConfig({ device: `cuda:${cudaDeviceCount()}` });
  const files = readdirSync(out, { recursive: true }).sort();
  await assert.rejects(train({ config: wrong, data, out, overwrite: true }), ConfigError);
  assert.deepEqual(readdirSync(out, { recursive: true }).sort(), files, "nothing was removed");
  await train({ config: { ...config, seed: 5 }, data, out, overwrite: true });
  assert.ok(!existsSync(join(out, "report.html")));
  assert.match(readFileSync(runPaths(out).config, "utf8"), /seed: 5/);
  await trainGroup({ config, data, out, seeds: 1, stage: "slice", overwrite: true });
  assert.deepEqual([existsSync(join(out, "group.json")), existsSync(runPaths(out).record)], [true, false]);
  await train({ config, data, out, stage: "slice", overwrite: true });
  assert.deepEqual([existsSync(join(out, "group.json")), existsSync(runPaths(out).record)], [false, true]);
});

test("overwrite never touches a folder that is neither a run nor a group", async () => {
  const out = at("mine");
  mkdirSync(out);
  writeFileSync(join(out, "thesis.tex"), "years of work");
  for (const start of [train, trainGroup]) {
    const refused = start({
      config: tinyConfig(),
      data,
      out,
      overwrite: true,
      ...(start === trainGroup ? { seeds: 1 } : {}),
    });
    await assert.rejects(
      refused,
      (error) =>
        error instanceof FolderError &&
        /contains thesis\.tex, which Slicestack did not write.*only what/.test(error.message),
    );
  }
  assert.deepEqual(readdirSync(out), ["thesis.tex"]);
});
