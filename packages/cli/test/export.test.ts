/** slicestack export, as a user types it. */
import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { CommandFolder } from "./command.js";
import { smallConfig, smallData } from "./small-data.js";

const folder = new CommandFolder();

before(async () => {
  await smallData(folder.path);
  folder.succeed("split", "data");
  writeFileSync(join(folder.path, "quick.yaml"), `${smallConfig}\n`);
  folder.succeed("train", "--config", "quick.yaml", "--data", "data", "--out", "run");
});

test("export --to onnx: inputs, outputs, the file, and that the run is not evaluated", () => {
  const text = folder.succeed("export", "run", "model.onnx", "--to", "onnx");
  assert.match(
    text,
    /^Inputs: {2}voxels int16 \[volumes, slices, 32, 32\]\nOutputs: probabilities float32 \[volumes, 5\]\n/,
  );
  assert.match(
    text,
    /^ {9}slice_weights float32 \[volumes, slices_seen\]\nWritten: model\.onnx\nThe run is not evaluated/m,
  );
  assert.ok(existsSync(join(folder.path, "model.onnx")));
});

test("export: an existing file, a part that is not there and a wrong format end with their exit codes", () => {
  for (const [args, status, message] of [
    [["run", "model.onnx", "--to", "onnx"], 3, /but it exists\. Choose another name, or pass --overwrite/],
    [
      ["run", "w.safetensors", "--to", "safetensors", "--part", "trunk"],
      2,
      /safetensors contains all weights in float32/,
    ],
    [["run", "model.h5", "--to", "keras"], 2, /Allowed choices are bundle, onnx, web, triton, safetensors/],
    [["data", "other.onnx", "--to", "onnx"], 3, /run\.json: not found/],
  ] as const) {
    const ended = folder.run("export", ...args);
    assert.equal(ended.status, status, ended.stderr);
    assert.match(ended.stderr, message);
  }
  const json = folder.succeed("export", "run", "trunk.onnx", "--to", "onnx", "--part", "trunk", "--json");
  const { graph } = JSON.parse(json) as { graph: { outputs: { name: string }[] } };
  assert.deepEqual(
    graph.outputs.map(({ name }) => name),
    ["features"],
  );
});
