/** slicestack predict, as a user types it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { generatePhantoms } from "@slicestack/pipeline";
import { CommandFolder } from "./command.js";

const folder = new CommandFolder();
const at = (...names: string[]) => join(folder.path, ...names);

before(async () => {
  await generatePhantoms({ destination: at("scans"), counts: [5, 5, 0, 0, 0], seed: 4, size: 32 });
  folder.succeed("prepare", "scans", "set", "--size", "32,32", "--depth", "6");
  folder.succeed("split", "set");
  writeFileSync(at("quick.yaml"), "threads: 1\nslice: {model: slice_cnn, epochs: 1}\n");
  folder.succeed("train", "--config", "quick.yaml", "--data", "set", "--out", "run");
  mkdirSync(at("inbox"));
  copyFileSync(at("scans", "0001.nii.gz"), at("inbox", "a.nii.gz"));
  writeFileSync(at("inbox", "b.nii.gz"), "no scan");
});

test("predict before an evaluation: a line for each scan, and what is missing is said; a bad scan makes it exit code 4", () => {
  const { status, stdout, stderr } = folder.run("predict", "run", "inbox");
  assert.equal(status, 4, stderr);
  assert.match(stdout, /^inbox\/a\.nii\.gz: CT-[01] \(CT-0 \d\.\d{3}, CT-1 \d\.\d{3}, not calibrated\)\n/);
  assert.match(stderr, /cannot be predicted: inbox\/b\.nii\.gz: /);
  assert.match(stderr, /not calibrated.*slicestack evaluate/);
  assert.match(stderr, /1 scan predicted, 1 could not be/);
});

test("predict after an evaluation: a calibrated line; --json gives a line a scan; --out and --explain write files", () => {
  folder.succeed("evaluate", "run", "--no-images");
  assert.ok(existsSync(at("run", "decision.json")));
  const text = folder.run("predict", "run", "inbox/a.nii.gz", "--out", "out", "--explain");
  assert.equal(text.status, 0, text.stderr);
  assert.doesNotMatch(text.stdout, /not calibrated/);
  for (const name of ["predictions.csv", "a.json", "a-gradcam.nii.gz", "a-ig.nii.gz"])
    assert.ok(existsSync(at("out", name)), name);
  const lines = folder.succeed("predict", "run", "scans/*.nii.gz", "--json").trim().split("\n");
  assert.equal(lines.length, readdirSync(at("scans")).filter((name) => name.endsWith(".nii.gz")).length);
  const result = JSON.parse(lines[0]!) as { format: string; id: string };
  assert.deepEqual([result.format, result.id], ["slicestack prediction", "0001"]);
  const written = JSON.parse(readFileSync(at("out", "a.json"), "utf8")) as { probabilities: unknown };
  assert.deepEqual(written.probabilities, (JSON.parse(lines[0]!) as typeof written).probabilities);
  folder.succeed("verify", "run");
});

test("export --to bundle, then predict with the bundle: the same lines; what does not fit a bundle is refused", () => {
  folder.succeed("evaluate", "run", "--no-images");
  const written = folder.succeed(
    "export",
    "run",
    "model.slicestack",
    "--to",
    "bundle",
    "--licence",
    "CC BY 4.0",
  );
  assert.match(
    written,
    /^Written: model\.slicestack \(\d+\.\d MB, 1 model\)\nNext: slicestack predict model\.slicestack SCAN/,
  );
  const byRun = folder.succeed("predict", "run", "inbox/a.nii.gz");
  assert.equal(folder.succeed("predict", "model.slicestack", "inbox/a.nii.gz"), byRun);
  const part = folder.run("export", "run", "part.slicestack", "--to", "bundle", "--part", "head");
  assert.equal(part.status, 2);
  assert.match(part.stderr, /omit --part and --weights/);
  const again = folder.run("export", "run", "model.slicestack", "--to", "bundle");
  assert.equal(again.status, 3);
  assert.match(again.stderr, /--overwrite/);
});

test("predict: what cannot work is refused, and says what would", () => {
  const refused = (status: number, message: RegExp, ...args: string[]) => {
    const result = folder.run("predict", ...args);
    assert.equal(result.status, status, result.stderr);
    assert.match(result.stderr, message);
  };
  refused(3, /run\.json: not found/, "set", "inbox");
  refused(3, /nowhere: .*ENOENT/, "run", "nowhere");
  refused(2, /--explain writes files: pass --out FOLDER/, "run", "inbox", "--explain");
  refused(3, /is a folder of generated scans, not a folder of predictions/, "run", "inbox", "--out", "scans");
  refused(2, /not trained on volumes cropped to a mask.*Omit --mask/, "run", "inbox", "--mask", "scans");
  refused(2, /device: expected a device of libtorch/, "run", "inbox", "--device", "cuda:9");
});

test(
  "predict --dicom: objects of each DICOM scan, a message for each other scan; objects among the scans are ignored",
  {
    skip:
      spawnSync("/usr/bin/python3", ["-c", "import pydicom, numpy"]).status !== 0 &&
      "python3-pydicom is not installed",
  },
  () => {
    const script = join(import.meta.dirname, "../../../../fixtures/dicom/make_study.py");
    const made = spawnSync("/usr/bin/python3", [script, at("mixed", "study"), "plain", "6"], {
      encoding: "utf8",
    });
    assert.equal(made.status, 0, made.stderr);
    copyFileSync(at("scans", "0001.nii.gz"), at("mixed", "a.nii.gz"));
    const first = folder.run("predict", "run", "mixed", "--dicom", "objects");
    assert.equal(first.status, 4, first.stderr);
    assert.match(
      first.stderr,
      /no DICOM objects: mixed\/a\.nii\.gz: it is not DICOM, so it belongs to no study/,
    );
    assert.match(first.stderr, /2 scans predicted\nDICOM objects of 1 scan written, not of 1: objects/);
    const [series] = readdirSync(at("objects")).filter((name) => !name.startsWith("."));
    assert.deepEqual(readdirSync(at("objects", series!)).filter((name) => name.endsWith(".dcm")).length, 7);
    cpSync(at("objects", series!), at("mixed", "study", "sent back"), { recursive: true });
    const again = folder.run("predict", "run", "mixed/study", "--dicom", "objects");
    assert.equal(again.status, 0, again.stderr);
    assert.match(
      again.stderr,
      /ignored 7 DICOM objects that Slicestack wrote, such as mixed\/study\/sent back\//,
    );
    assert.doesNotMatch(again.stderr, /set aside/);
    const foreign = folder.run("predict", "run", "mixed/study", "--dicom", "scans");
    assert.equal(foreign.status, 3, foreign.stderr);
    assert.match(foreign.stderr, /scans: .*not a folder of DICOM reports and heat-maps/);
  },
);
