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
import { CommandFolder, type Ended } from "./command.js";
import { small2dConfig, smallData } from "./small-data.js";

const folder = new CommandFolder();
const at = (...parts: string[]) => join(folder.path, ...parts);

/** One folder for each command, and how it ended. */
const foreign = new Map<string, { folder: string; ended: Ended }>();

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
  const piece = [
    "prepare",
    "scans",
    "piece-1",
    "--labels",
    "scans/labels.csv",
    "--shard",
    "1/1",
    "--depth",
    "4",
  ];
  for (const { status, stderr } of runMany([[...train, "run"], piece])) assert.equal(status, 0, stderr);
  mkdirSync(at("project/data"), { recursive: true });
  writeFileSync(at("project/config.yaml"), "mine: true\n");
  writeFileSync(at("project/split.json"), "{}\n");
  writeFileSync(at("project/dataset.json"), '{"name": "of another tool"}\n');
  writeFileSync(at("project/labels.csv"), "id,label\n");
  const names = Object.keys(commands);
  const folders = names.map((_, k) => `project-${k}`);
  for (const copy of folders) cpSync(at("project"), at(copy), { recursive: true });
  const ended = runMany(names.map((name, k) => lineOf(name, folders[k]!)));
  for (const [k, name] of names.entries()) foreign.set(name, { folder: folders[k]!, ended: ended[k]! });
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

const lineOf = (name: string, target: string) => [
  ...commands[name]!,
  target,
  ...(name === "merge" ? ["piece-1"] : []),
];
const run = (name: string, target: string) => folder.run(...lineOf(name, target));
const runMany = (lines: string[][]) => folder.runMany(lines.map((args) => ({ cwd: folder.path, args })));

/** Names, sizes and contents of all that lies below. */
const content = (path: string) =>
  (readdirSync(at(path), { recursive: true }) as string[])
    .sort()
    .map((name) => [name, statSync(at(path, name)).isFile() ? readFileSync(at(path, name), "base64") : ""]);

for (const name of Object.keys(commands))
  test(`${name}: a foreign folder is refused with exit code 3, and remains unchanged`, () => {
    const { status, stderr } = foreign.get(name)!.ended;
    assert.equal(status, 3, stderr);
    assert.match(
      stderr,
      /project-\d+: expected a new (or empty )?folder, but it contains config\.yaml, data, dataset\.json and 2 more, which Slicestack did not write\. Choose another/,
    );
    assert.deepEqual(content(foreign.get(name)!.folder), content("project"));
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
  const names = ["prepare", "train", "import", "demo"];
  for (const [k, { status, stderr }] of runMany(names.map((name) => lineOf(name, "."))).entries())
    assert.equal(status, 3, `${names[k]}: ${stderr}`);
  assert.deepEqual(content("."), before);
});

test("a data set is no place for a run or for pictures, and a run none for a data set", () => {
  const before = [content("data"), content("run")];
  const names = ["train", "import", "ablate", "explain", "inspect", "slices"];
  for (const [k, { status, stderr }] of runMany(names.map((name) => lineOf(name, "data"))).entries()) {
    assert.equal(status, 3, `${names[k]}: ${stderr}`);
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
