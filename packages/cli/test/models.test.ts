import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

const bin = join(import.meta.dirname, "../../bin/slicestack.js");

/** The command where there is no libtorch and nothing else to read. */
function models(...args: string[]) {
  const env = { ...process.env, SLICESTACK_TORCH_BUILD: "/nowhere", LIBTORCH: "/nowhere" };
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, "models", ...args], {
    env,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

interface Listed {
  shape: { size: number[]; slices: number; classes: number; batch: number };
  models: {
    name: string;
    kind: string;
    input: number[];
    cost: { parameters: number; activationBytes: number } | null;
  }[];
}

test("models: a table of every model, without data and without libtorch; code 0", () => {
  const { status, stdout, stderr } = models();
  assert.deepEqual([status, stderr], [0, ""]);
  const [head, titles, ...rows] = stdout.trimEnd().split("\n");
  assert.equal(head, "Slices of 128 x 128, volumes of 64 slices, 2 classes, batches of 16");
  assert.match(titles ?? "", /^model +kind +input +parameters +mult-adds +activations +setting$/);
  assert.equal(rows.length, 35);
  assert.match(
    stdout,
    /^simple +volume model +1x128x128x64 +287 M +45\.6 G +16\.5 GiB +method: 3d, network\.model: simple$/m,
  );
  assert.match(stdout, /^gru +head +64x256 +124 k +7\.88 M +5\.62 MiB +head\.model: gru$/m);
});

test("models --json holds the shape that was asked for and the facts of each model", () => {
  const { status, stdout } = models(
    "--json",
    "--size",
    "64,96",
    "--slices",
    "32",
    "--classes",
    "5",
    "--batch",
    "2",
  );
  assert.equal(status, 0);
  const { shape, models: listed } = JSON.parse(stdout) as Listed;
  assert.deepEqual(shape, { size: [64, 96], slices: 32, classes: 5, batch: 2 });
  const attn = listed.find(({ name }) => name === "attn");
  assert.deepEqual([attn?.kind, attn?.input], ["volume model", [1, 64, 96, 32]]);
  const mean = listed.find(({ name }) => name === "mean");
  assert.equal(mean?.cost?.parameters, 256 * 5 + 5);
});

test("models: one that cannot take the size is shown without a cost, and the reason stands below; code 0", () => {
  const { status, stdout } = models("--slices", "16");
  assert.equal(status, 0);
  assert.match(stdout, /^attn +volume model +1x128x128x16 +- +- +- +method: 3d, network\.model: attn$/m);
  assert.match(
    stdout,
    /^attn: halves its input 5 times, so that every side must be at least 32; received 128 x 128 x 16\./m,
  );
});

test("models: wrong numbers are code 2, with what is expected", () => {
  for (const [option, value, message] of [
    ["--size", "4,128", /each at least 8/],
    ["--size", "big", /HEIGHT,WIDTH/],
    ["--slices", "0", /at least 1/],
    ["--slices", "1000000", /from 1 to 2048/],
    ["--classes", "1", /from 2 to 1000/],
    ["--batch", "1.5", /whole number/],
  ] as const) {
    const { status, stderr } = models(option, value);
    assert.equal(status, 2, `${option} ${value}`);
    assert.match(stderr, message);
  }
});
