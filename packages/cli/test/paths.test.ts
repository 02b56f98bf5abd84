/** One folder has many names: every command that takes a path does the same with each of them. */
import assert from "node:assert/strict";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs"; // prettier-ignore
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { generatePhantoms, writeSafetensors } from "@slicestack/pipeline";
import { randn, scope } from "@slicestack/torch";
import { runInside, type Answered } from "./in-process.js";

const root = realpathSync(mkdtempSync(join(tmpdir(), "slicestack-paths-")));
const at = (...names: string[]) => join(root, ...names);
after(() => rmSync(root, { recursive: true }));

interface Spelling {
  name: string;
  cwd: string;
  path: string;
}

/** Ways to call a file or folder, which lies in `root` itself under a name with a space. */
function spellings(name: string, kind: "file" | "folder"): Spelling[] {
  const inRoot = (label: string, path: string) => ({ name: label, cwd: root, path });
  const all = [
    inRoot("x", name),
    inRoot("./x", `./${name}`),
    inRoot("a/../x", `a/../${name}`),
    inRoot("absolute", at(name)),
    inRoot("link", `links/${name}`),
    { name: "../x", cwd: at("a"), path: `../${name}` },
  ];
  if (kind === "file") return all;
  return [...all, inRoot("x/", `${name}/`), { name: ".", cwd: at(name), path: "." }];
}

/** Replaces what is there under other names, so that the results of all spellings can be held against each other. */
const withoutPlaces = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(
      value,
      (key, part: unknown) =>
      ["source", "seconds", "made", "name", "versions"].includes(key) || (typeof part === "string" && part.includes("/")) ? undefined : part, // prettier-ignore
    ),
  );

interface Asked {
  /** The file or folder that is spelled. */
  name: string;
  kind?: "file" | "folder";
  args: (path: string, number: number) => string[];
  /** Of the JSON result; default: all of it that names no place. */
  result?: (json: Record<string, never>, number: number) => unknown;
}

const data = "the data";
const asked: Record<string, Asked> = {
  "prepare SOURCE": {
    name: "the scans",
    args: (path, k) => ["prepare", path, at("made", `s${k}`), "--size", "32,32", "--depth", "8", "--workers", "1"],
    result: (_, k) => idsAndVoxels(at("made", `s${k}`)),
  },
  "prepare --labels": {
    name: "labels of all.csv",
    kind: "file",
    args: (path, k) => ["prepare", at("the scans"), at("made", `l${k}`), "--labels", path, "--size", "16,16", "--depth", "4", "--workers", "1"], // prettier-ignore
    result: (_, k) => idsAndVoxels(at("made", `l${k}`)),
  },
  "prepare --mask": {
    name: "the masks",
    args: (path, k) => ["prepare", at("the scans"), at("made", `m${k}`), "--mask", path, "--size", "16,16", "--depth", "4", "--workers", "1"], // prettier-ignore
    result: (_, k) => idsAndVoxels(at("made", `m${k}`)),
  },
  "prepare DESTINATION": {
    name: "into",
    args: (path) => ["prepare", at("the scans"), path, "--size", "16,16", "--depth", "4", "--workers", "1", "--overwrite"], // prettier-ignore
    result: () => idsAndVoxels(at("into")),
  },
  "merge PIECE": {
    name: "the piece",
    args: (path, k) => ["merge", at("made", `p${k}`), path],
    result: (_, k) => idsAndVoxels(at("made", `p${k}`)),
  },
  split: { name: data, args: (path) => ["split", path, "--overwrite"] },
  audit: { name: data, args: (path) => ["audit", path] },
  "inspect SOURCE": { name: "the scans", args: (path) => ["inspect", path] },
  "inspect FILE": { name: "one scan.nii.gz", kind: "file", args: (path) => ["inspect", path] },
  "inspect DATA": { name: data, args: (path) => ["inspect", path] },
  "inspect --source": {
    name: "the scans",
    args: (path) => ["inspect", at(data), "--id", "0001", "--source", path, "--comparison", at("comparison.png")],
  },
  "inspect --out": {
    name: "pictures",
    args: (path) => ["inspect", at("one scan.nii.gz"), "--out", path],
    result: () => readdirSync(at("pictures")).sort(),
  },
  slices: { name: data, args: (path, k) => ["slices", path, at("made", `slices${k}`)] },
  clock: { name: data, args: (path) => ["clock", path, "--epochs", "1", "--batch", "8"], result: () => "ends" },
  plan: { name: data, args: (path) => ["plan", path, "--budget", "1m", "--device", "cpu"], result: () => "ends" },
  "train --config": {
    name: "tiny config.yaml",
    kind: "file",
    args: (path) => ["train", "--config", path, "--print-config"],
    result: () => "ends",
  },
  "train --data": {
    name: data,
    args: (path, k) => ["train", "--config", at("tiny config.yaml"), "--data", path, "--out", at("made", `run${k}`)],
    result: (_, k) => readFileSync(at("made", `run${k}`, "checkpoints/slice/best.safetensors")).toString("base64"),
  },
  evaluate: { name: "the run", args: (path) => ["evaluate", path, "--no-images"], result: (json) => json["metrics"] },
  "evaluate --data": {
    name: data,
    args: (path) => ["evaluate", at("the run"), "--data", path, "--no-images"],
    result: () => "ends",
  },
  explain: { name: "the run", args: (path, k) => ["explain", path, "--out", at("made", `e${k}`), "--count", "1", "--maps", "gradcam", "--no-check", "--steps", "1"] }, // prettier-ignore
  compare: {
    name: "the run",
    args: (path, k) => ["compare", path, at("other run"), "--out", at("made", `c${k}`)],
    result: () => "ends",
  },
  runs: { name: "all runs", args: (path) => ["runs", path] },
  import: {
    name: "weights of it.safetensors",
    kind: "file",
    args: (path, k) => ["import", path, at("made", `i${k}`)],
    result: (json) => json["model"],
  },
  ablate: {
    name: "the study",
    args: (path) => ["ablate", at("study.yaml"), "--data", at(data), "--out", path],
    result: () => "ends",
  },
  "ablate FILE": {
    name: "study.yaml",
    kind: "file",
    args: (path) => ["ablate", path, "--data", at(data), "--out", at("the study")],
    result: () => "ends",
  },
};

/** Ids, labels and hashes of subjects.csv, which hold every voxel. */
function idsAndVoxels(folder: string): string[] {
  const [header = "", ...rows] = readFileSync(join(folder, "subjects.csv"), "utf8").trim().split("\n");
  const column = header.split(",").indexOf("voxel_sha256");
  return rows.map((row) => [...row.split(",").slice(0, 3), row.split(",")[column]].join(" "));
}

async function succeed(cwd: string, args: string[]): Promise<Answered> {
  const answer = await runInside(cwd, ...args);
  assert.equal(answer.status, 0, `in ${cwd}: slicestack ${args.join(" ")}: ${answer.stderr}`);
  return answer;
}

const cutTrap = ["aa01", "bb02"];

before(async () => {
  for (const folder of ["a", "links", "made", "into", "pictures", "the masks"]) mkdirSync(at(folder));
  const { labels } = await generatePhantoms({ destination: at("the scans"), counts: [5, 5, 0, 0, 0], seed: 3, size: 32, minimum: 4, workers: 1 }); // prettier-ignore
  copyFileSync(labels, at("labels of all.csv"));
  copyFileSync(at("the scans/0001.nii.gz"), at("one scan.nii.gz"));
  for (const name of readdirSync(at("the scans")).filter((file) => file.endsWith(".nii.gz")))
    copyFileSync(at("the scans", name), at("the masks", name));
  const small = ["--size", "32,32", "--depth", "8", "--workers", "1"];
  await succeed(root, ["prepare", "the scans", data, ...small]);
  await succeed(root, ["prepare", "the scans", "the piece", "--shard", "1/1", ...small]);
  await succeed(root, ["split", data]);
  writeFileSync(at("tiny config.yaml"), "name: tiny\nmethod: 2d\nthreads: 1\nprecision: float32\nslice: {model: slice_cnn, epochs: 1, batch_size: 32, slices_per_volume: 2}\n"); // prettier-ignore
  writeFileSync(at("study.yaml"), "name: study\nconfig: tiny config.yaml\nseeds: 1\nmetrics: [accuracy]\nmain: A\nvariants: {A: {}, B: {slice.dropout: 0.1}}\n"); // prettier-ignore
  await succeed(root, ["train", "--config", "tiny config.yaml", "--data", data, "--out", "the run"]);
  cpSync(at("the run"), at("other run"), { recursive: true });
  for (const run of ["the run", "other run"]) await succeed(root, ["evaluate", run, "--no-images"]);
  mkdirSync(at("all runs"));
  cpSync(at("the run"), at("all runs", "one"), { recursive: true });
  scope(() => {
    const tensors = new Map([["conv1.weight", randn([32, 1, 3, 3])]]);
    writeSafetensors(at("weights of it.safetensors"), tensors);
  });
  copyFileSync(at("the run/checkpoints/slice/best.safetensors"), at("weights of it.safetensors"));
  mkdirSync(at("the study"));
  for (const { name, kind } of Object.values(asked))
    try {
      symlinkSync(at(name), at("links", name), kind === "file" ? "file" : "dir");
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
});

for (const [what, { name, kind = "folder", args, result = withoutPlaces }] of Object.entries(asked)) {
  test(`${what} does the same with every spelling of its path`, async () => {
    let expected: unknown;
    for (const [k, spelling] of spellings(name, kind).entries()) {
      const { stdout } = await succeed(spelling.cwd, [...args(spelling.path, k), "--json"]);
      const found = result((stdout === "" ? {} : JSON.parse(stdout)) as Record<string, never>, k);
      if (k === 0) expected = found;
      else assert.deepEqual(found, expected, spelling.name);
    }
  });
}

test("a name that is another's end gets its own voxels, however the source is spelled", async () => {
  mkdirSync(at("ends"));
  for (const [k, trap] of cutTrap.entries()) {
    copyFileSync(at("the scans", `000${k + 1}.nii.gz`), at("ends", `${trap}.nii.gz`));
    copyFileSync(at("the scans", `000${k + 3}.nii.gz`), at("ends", `${trap.slice(2)}.nii.gz`));
  }
  writeFileSync(at("ends/labels.csv"), "id,label\n01,0\n02,1\n");
  const prepared = async (path: string, k: number) => {
    await succeed(root, ["prepare", path, at("made", `ends${k}`), "--skip-unlabelled", "--size", "16,16", "--depth", "4"]); // prettier-ignore
    return idsAndVoxels(at("made", `ends${k}`));
  };
  const plain = await prepared("ends", 0);
  assert.deepEqual(plain.map((row) => row.split(" ")[0]), ["01", "02"]); // prettier-ignore
  assert.deepEqual(await prepared("./ends", 1), plain);
});

test("a destination that lies in the source through a link is refused", async () => {
  symlinkSync(at("the scans"), at("links/again"), "dir");
  const { status, stderr } = await runInside(root, "prepare", "the scans", "links/again/inside", "--size", "16,16");
  assert.equal(status, 3);
  assert.match(stderr, /destination: expected a folder beside the scans/);
  assert.ok(!readdirSync(at("the scans")).includes("inside"), `${basename(dirname(at("x")))}`);
});
