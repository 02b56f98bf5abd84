/** What the operating system refuses reaches the user as one sentence with the path and the command that resumes; files stay intact. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { bin, CommandFolder, type Ended } from "./command.js";
import { smallConfig, smallData } from "./small-data.js";

const folder = new CommandFolder();
const at = (...parts: string[]) => join(folder.path, ...parts);
const train = ["train", "--config", "small.yaml", "--data", "data", "--out"];
const prepare = [
  "prepare",
  "scans",
  "--labels",
  "scans/labels.csv",
  "--size",
  "32,32",
  "--depth",
  "8",
  "--name",
  "n",
];

before(async () => {
  await smallData(folder.path);
  folder.succeed("split", "data");
  writeFileSync(at("small.yaml"), smallConfig);
});

/** No file may grow beyond so many KiB: a write fails amid a file, as on a disk that is full. */
function limited(kibibytes: number, args: string[]): Ended {
  const script = `ulimit -f ${kibibytes}; exec "$0" "$@"`;
  const { status, stdout, stderr } = spawnSync("bash", ["-c", script, bin, ...args], {
    ...folder.options,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

test("train: a file that cannot be written is named, with the command that resumes; that command ends as if nothing had happened", () => {
  const { status, stderr } = limited(60, [...train, "full"]);
  assert.equal(status, 3, stderr);
  assert.match(
    stderr,
    /^slicestack train: .*full\/checkpoints\/slice\/[\w.]+: the file would be larger than this system allows \(EFBIG\)\. .*slicestack train --resume full$/m,
  );
  assert.doesNotMatch(stderr, /not expected|EFBIG: file too large/);
  folder.succeed("train", "--resume", "full");
  folder.succeed(...train, "whole");
  for (const stage of ["slice", "volume"]) {
    const best = (run: string) => readFileSync(at(run, "checkpoints", stage, "best.safetensors"));
    assert.ok(best("full").equals(best("whole")), stage);
  }
});

test("prepare: the same, and the same command then makes the same bytes", () => {
  const [first, ...rest] = prepare;
  const args = [first!, rest[0]!, "set", ...rest.slice(1)];
  const { status, stderr } = limited(100, args);
  assert.equal(status, 3, stderr);
  assert.match(
    stderr,
    /^slicestack prepare: .*slices\.npy: the file would be larger .*\(EFBIG\)\. .*the same command resumes\.$/m,
  );
  assert.ok(!existsSync(at("set")));
  folder.succeed(...args);
  const again = [...args];
  again[2] = "set-whole";
  folder.succeed(...again);
  for (const file of ["slices.npy", "subjects.csv"])
    assert.ok(readFileSync(at("set", file)).equals(readFileSync(at("set-whole", file))), file);
});

test("an unusable cache ends nothing: training and evaluation go on without it, say so once, and give the same bytes", () => {
  writeFileSync(at("not-a-folder"), "");
  const env = { ...folder.options.env, XDG_CACHE_HOME: at("not-a-folder") };
  const run = (...args: string[]) => spawnSync(bin, args, { ...folder.options, env, encoding: "utf8" });
  for (const head of ["attention", "maps_3d"]) {
    const { status, stderr } = run(...train, `no-cache-${head}`, "--head.model", head);
    assert.equal(status, 0, stderr);
    assert.equal(
      stderr.match(/The cache cannot be written: .*not-a-folder.*Set XDG_CACHE_HOME to another/g)?.length,
      1,
      stderr,
    );
    folder.succeed(...train, `cache-${head}`, "--head.model", head);
    const best = (name: string) => readFileSync(at(`${name}-${head}`, "checkpoints/volume/best.safetensors"));
    assert.ok(best("no-cache").equals(best("cache")), head);
  }
  const evaluated = run("evaluate", "no-cache-attention", "--no-images");
  assert.equal(evaluated.status, 0, evaluated.stderr);
  assert.equal(evaluated.stderr.match(/The cache cannot be written/g)?.length, 1, evaluated.stderr);
});

test("a link to nothing among scans is left out by its name, with exit code 4, and the rest is prepared", () => {
  symlinkSync("nowhere.nii.gz", at("scans/dead.nii.gz"));
  const labels = readFileSync(at("scans/labels.csv"), "utf8");
  writeFileSync(at("dead.csv"), `${labels}dead,S9999,0,CT-0,A,F,50,0\n`);
  const args = ["prepare", "scans", "with-link", "--labels", "dead.csv", "--size", "32,32", "--depth", "8"];
  const { status, stderr } = folder.run(...args);
  unlinkSync(at("scans/dead.nii.gz"));
  assert.equal(status, 4, stderr);
  assert.match(stderr, /quarantined dead\.nii\.gz: .*cannot be read \(ENOENT\)/);
});

test("a page or a plan that could not be written is refused before the work for it", () => {
  for (const args of [
    ["audit", "data", "--html", "nowhere/audit.html"],
    ["plan", "data", "--out", "scans"],
  ]) {
    const { status, stderr } = folder.run(...args);
    assert.equal(status, 3, stderr);
    assert.match(stderr, /^slicestack (audit: nowhere\/audit\.html|plan: scans): [^]*\.\n$/); // nothing but the reason: no progress
  }
});

test("a folder where a file is expected, and a path through a file: exit code 2 or 3 with the path, never 'not expected'", () => {
  mkdirSync(at("folder.yaml"), { recursive: true });
  writeFileSync(at("plain"), "");
  for (const args of [
    ["train", "--config", "folder.yaml", "--data", "data", "--out", "x"],
    ["split", "plain"],
    ["split", "plain/below"],
    ["plan", "data", "--out", "plain/below.yaml"],
    ["audit", "data", "--html", "nowhere/audit.html"],
    ["prepare", "plain/below", "y"],
    ["prepare", "scans", "y", "--labels", "folder.yaml"],
    ["evaluate", "plain"],
    ["import", "folder.yaml", "z"],
    ["inspect", "nowhere"],
  ]) {
    const { status, stderr } = folder.run(...args);
    assert.ok(status === 2 || status === 3, `${args.join(" ")}: ${status} ${stderr}`);
    assert.doesNotMatch(stderr, /not expected|illegal operation|no such file or directory, /, args.join(" "));
  }
});
