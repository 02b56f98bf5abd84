/** slicestack explain, as a user types it. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { generatePhantoms } from "@slicestack/pipeline";
import { CommandFolder } from "./command.js";

const folder = new CommandFolder();
const at = (...names: string[]) => join(folder.path, ...names);

before(async () => {
  await generatePhantoms({ destination: at("scans"), counts: [4, 4, 0, 0, 0], seed: 4, size: 32 });
  folder.succeed("prepare", "scans", "set", "--size", "32,32", "--depth", "6");
  folder.succeed("split", "set");
  writeFileSync(at("quick.yaml"), "method: 2d\nthreads: 1\nslice: {model: slice_cnn, epochs: 1}\n");
  folder.succeed("train", "--config", "quick.yaml", "--data", "set", "--out", "run");
});

test("explain: table, checks and warnings on stdout, the files in the folder", () => {
  const { status, stdout, stderr } = folder.run(
    "explain",
    "run",
    "--id",
    "0001",
    "--out",
    "out",
    "--steps",
    "2",
  );
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^Explained: 2d_vote: .*\nGrad-CAM: bn3\. Integrated gradients: from air, 2 steps\./);
  assert.match(stdout, /^0001 +CT-[01] +CT-[01] +CT-[01] +\d\.\d\d /m);
  assert.match(stdout, /Written: 7 files in /);
  assert.match(stdout, /^Warning: Grad-CAM: a single subject has no interval/m);
  for (const name of [
    "0001-gradcam.nii.gz",
    "0001-gradcam.png",
    "0001-ig.nii.gz",
    "0001-ig.png",
    "explain.json",
    "deletion-insertion.svg",
  ])
    assert.ok(existsSync(at("out", name)), name);
  assert.match(
    readFileSync(at("out", "explain.json"), "utf8"),
    /"command": "slicestack explain run --id 0001/,
  );
});

test("explain --json; a wrong id, layer or class ends with 3 and says what there is, no --out with 2", () => {
  const args = ["explain", "run", "--out", "out2", "--count", "1", "--maps", "gradcam", "--no-check"];
  const result = JSON.parse(folder.succeed(...args, "--json")) as { subjects: unknown[]; files: string[] };
  assert.deepEqual([result.subjects.length, result.files.length], [1, 3]);
  for (const [flags, message] of [
    [["--id", "0099"], /0099: no volume or subject of the run's data set has this id\. Such as 0/],
    [["--layer", "bn4"], /the model has no layer bn4\. Did you mean bn/],
    [["--class", "CT-7"], /the run has no CT-7\. It has CT-0, CT-1/],
  ] as const) {
    const { status, stderr } = folder.run(...args, ...flags);
    assert.equal(status, 3, stderr);
    assert.match(stderr, message);
  }
  assert.equal(folder.run("explain", "run").status, 2);
});

test("a bundle in place of the run: import, evaluate and explain; without a data set, or with keys of a run, code 2", () => {
  folder.succeed("export", "run", "m.slicestack", "--to", "bundle");
  assert.match(
    folder.succeed("import", "m.slicestack", "back"),
    /^Model: slice_cnn \(2d\)\nIt was trained on \d+ volumes/,
  );
  for (const [args, message] of [
    [["import", "m.slicestack", "b2", "--config", "quick.yaml"], /a bundle has its own configuration/],
    [["evaluate", "m.slicestack"], /a bundle has no data set: name a prepared one with --data FOLDER/],
    [
      ["evaluate", "m.slicestack", "--data", "set", "--config", "quick.yaml"],
      /a bundle has its own, apart from --out/,
    ],
  ] as const) {
    const { status, stderr } = folder.run(...args);
    assert.equal(status, 2, stderr);
    assert.match(stderr, message);
  }
  const scored = folder.succeed("evaluate", "m.slicestack", "--data", "set", "--no-images");
  assert.match(
    scored,
    /^Model of the bundle m\.slicestack, slice_cnn \(2d\)[^]*Report: runs\/m\/external\/set-/,
  );
  const args = [
    "explain",
    "m.slicestack",
    "--data",
    "set",
    "--out",
    "of bundle",
    "--maps",
    "gradcam",
    "--no-check",
  ];
  assert.match(folder.succeed(...args, "--count", "1"), /Written: \d+ files in /);
});
