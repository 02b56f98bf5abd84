/** Every command that makes a folder, is pointed at a foreign folder: it refuses with a remedy, and changes no byte. */
import assert from "node:assert/strict";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { CommandFolder } from "./command.js";
import { small2dConfig, smallData } from "./small-data.js";

const folder = new CommandFolder();
const at = (...parts: string[]) => join(folder.path, ...parts);

before(async () => {
  await smallData(folder.path);
  folder.succeed("split", "data");
  writeFileSync(
    at("small.yaml"),
    `${small2dConfig}slice: {model: slice_cnn, epochs: 0}\n`.replace(/^slice: .*dropout.*\n/m, ""),
  );
  writeFileSync(
    at("study.yaml"),
    "name: study\nconfig: small.yaml\nseeds: 1\nmain: a\nvariants: {a: {}, b: {slice.vote: majority}}\n",
  );
  writeFileSync(at("sweep.yaml"), "name: votes\nconfig: small.yaml\nspace: {slice.vote: [mean, majority]}\n");
  folder.succeed("train", "--config", "small.yaml", "--data", "data", "--out", "run");
  folder.succeed(
    "prepare",
    "scans",
    "piece-1",
    "--labels",
    "scans/labels.csv",
    "--shard",
    "1/1",
    "--depth",
    "4",
  );
  mkdirSync(at("project/data"), { recursive: true });
  writeFileSync(at("project/config.yaml"), "mine: true\n");
  writeFileSync(at("project/split.json"), "{}\n");
  writeFileSync(at("project/dataset.json"), '{"name": "of another tool"}\n');
  writeFileSync(at("project/labels.csv"), "id,label\n");
});

const train = ["train", "--config", "small.yaml", "--data", "data", "--out"];
const weights = "run/checkpoints/slice/best.safetensors";

/** By what is asked for; the folder comes last. */
const commands: Record<string, string[]> = {
  prepare: ["prepare", "scans", "--overwrite", "--depth", "4"],
  merge: ["merge", "--overwrite"],
  slices: ["slices", "data", "--overwrite"],
  train,
  "a group of seeds": ["train", "--config", "small.yaml", "--data", "data", "--seeds", "2", "--out"],
  import: ["import", weights, "--config", "small.yaml"],
  "evaluate --checkpoint": [
    "evaluate",
    "--checkpoint",
    weights,
    "--config",
    "small.yaml",
    "--data",
    "data",
    "--out",
  ],
  ablate: ["ablate", "study.yaml", "--data", "data", "--out"],
  "learning-curve": ["learning-curve", "study.yaml", "--data", "data", "--shares", "0.5,1", "--out"],
  explain: ["explain", "run", "--out"],
  compare: ["compare", "run", "run", "--out"],
  inspect: ["inspect", "data", "--out"],
  predict: ["predict", "run", "scans/0001.nii.gz", "--out"],
  "predict --dicom": ["predict", "run", "scans/0001.nii.gz", "--dicom"],
  "export --to triton": ["export", "run", "--to", "triton"],
  "sweep run": ["sweep", "run", "sweep.yaml", "--data", "data", "--out"],
  auto: ["auto", "scans", "--labels", "scans/labels.csv", "--out"],
  serve: ["serve", "run", "--port", "0", "--data"],
  demo: ["demo", "--subjects", "20", "--out"],
};

function run(name: string, target: string): { status: number | null; stderr: string } {
  const args = [...commands[name]!, target, ...(name === "merge" ? ["piece-1"] : [])];
  return folder.run(...args);
}

/** Names, sizes and contents of all that lies below. */
const content = (path: string) =>
  (readdirSync(at(path), { recursive: true }) as string[])
    .sort()
    .map((name) => [name, statSync(at(path, name)).isFile() ? readFileSync(at(path, name), "base64") : ""]);

for (const name of Object.keys(commands))
  test(`${name}: a foreign folder is refused with exit code 3, and remains unchanged`, () => {
    const before = content("project");
    const { status, stderr } = run(name, "project");
    assert.equal(status, 3, stderr);
    assert.match(
      stderr,
      /project: expected a new (or empty )?folder, but it contains config\.yaml, data, dataset\.json and 2 more, which Slicestack did not write\. Choose another/,
    );
    assert.deepEqual(content("project"), before);
  });

test("a file that a flag names is replaced only with --overwrite, which is reported before the work", () => {
  for (const args of [
    ["audit", "data", "--html", "mine.html"],
    ["plan", "data", "--budget", "1s", "--out", "mine.yaml"],
    ["inspect", "data", "--montage", "mine.png"],
  ]) {
    const file = args.at(-1)!;
    writeFileSync(at(file), "mine");
    const { status, stderr } = folder.run(...args);
    assert.equal(status, 3, stderr);
    assert.match(
      stderr,
      /mine\.\w+: expected a file that does not exist yet, but it exists\. .*--overwrite to replace it/,
    );
    assert.doesNotMatch(stderr, /look|measure/, "it began all the same");
    assert.equal(readFileSync(at(file), "utf8"), "mine");
    const missing = folder.run(...args.slice(0, -1), `nowhere/${file}`);
    assert.match(missing.stderr, /nowhere\/mine\.\w+: expected the folder .*nowhere, which does not exist/);
  }
  folder.succeed("audit", "data", "--html", "mine.html", "--overwrite");
  assert.match(readFileSync(at("mine.html"), "utf8"), /Slicestack audit/);
});

test("the folder that one stands in: `prepare SCANS . --overwrite` and `train --out .` are refused", () => {
  const before = content(".");
  for (const name of ["prepare", "train", "import", "demo"]) {
    const { status, stderr } = run(name, ".");
    assert.equal(status, 3, `${name}: ${stderr}`);
  }
  assert.deepEqual(content("."), before);
});

test("a data set is no place for a run or for pictures, and a run none for a data set", () => {
  const before = [content("data"), content("run")];
  for (const name of ["train", "import", "ablate", "explain", "inspect", "slices"]) {
    const { status, stderr } = run(name, "data");
    assert.equal(status, 3, `${name}: ${stderr}`);
    assert.match(stderr, /data: (is|expected a new folder, but it is) a prepared data set, not a/);
  }
  const { status, stderr } = run("prepare", "run");
  assert.equal(status, 3, stderr);
  assert.match(stderr, /run: expected a new folder, but it is a run, not a prepared data set/);
  assert.deepEqual([content("data"), content("run")], before);
});

test("prepare --overwrite replaces a data set, but not one into which somebody has put a file or a run", () => {
  cpSync(at("data"), at("again"), { recursive: true });
  const labels = ["--labels", "scans/labels.csv", "--depth", "4"];
  folder.succeed("prepare", "scans", "again", "--overwrite", ...labels);
  for (const name of ["thesis.txt", "my-run"]) {
    if (name === "my-run") cpSync(at("run"), at("again/my-run"), { recursive: true });
    else writeFileSync(at("again/thesis.txt"), "years of work");
    const { status, stderr } = folder.run("prepare", "scans", "again", "--overwrite", ...labels);
    assert.equal(status, 3, stderr);
    assert.match(
      stderr,
      new RegExp(`again: is a prepared data set that also contains ${name}\\. Move them away first`),
    );
    assert.ok(existsSync(at("again", name)));
    rmSync(at("again", name), { recursive: true });
  }
  folder.succeed("prepare", "scans", "again", "--overwrite", ...labels);
});

test("a file, a path through a file and a dead link are refused by name; a new and an empty folder are taken", () => {
  writeFileSync(at("file"), "mine");
  symlinkSync("nowhere", at("dangling"));
  for (const [target, problem] of [
    ["file", /found a file/],
    ["file/below", /a part of its path is a file/],
    ["dangling", /found a broken link/],
  ] as const) {
    const { status, stderr } = run("train", target);
    assert.equal(status, 3, stderr);
    assert.match(stderr, problem);
  }
  mkdirSync(at("empty"));
  folder.succeed(...train, "empty");
  assert.equal(readFileSync(at("empty/.slicestack"), "utf8"), '{"slicestack":1,"kind":"run"}\n');
  for (const _ of [1, 2]) folder.succeed("inspect", "data", "--out", "pictures");
});
