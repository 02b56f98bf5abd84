/** slicestack inspect and clock, as a user types them. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { generatePhantoms } from "@slicestack/pipeline";
import { CommandFolder } from "./command.js";

const folder = new CommandFolder();
const at = (...names: string[]) => join(folder.path, ...names);

before(async () => {
  await generatePhantoms({ destination: at("scans"), counts: [1, 1, 1, 0, 0], seed: 4, size: 40 });
  folder.succeed("prepare", "scans", "set", "--size", "32,32", "--depth", "16");
});

test("inspect: facts of a scan on stdout, pictures where they are asked for, the window as given", () => {
  const text = folder.succeed(
    "inspect",
    "scans/0001.nii.gz",
    "--montage",
    "m.png",
    "--animation",
    "a.gif",
    "--window",
    "-900,300",
  );
  assert.match(text, /^0001\.nii\.gz: NIfTI\n\n +shape +40 x 40 x \d+ voxels/);
  assert.match(text, /Written: m\.png, a\.gif\n$/);
  assert.deepEqual([...readFileSync(at("m.png")).subarray(1, 4)], [...Buffer.from("PNG")]);
  assert.deepEqual([...readFileSync(at("a.gif")).subarray(0, 4)], [...Buffer.from("GIF8")]);
  // No terminal, no colours; on demand they come all the same.
  assert.ok(!text.includes("\u001b"));
  assert.ok(folder.succeed("inspect", "scans/0001.nii.gz", "--preview").includes("\u001b[38;2;"));
});

test("inspect --json: one object with all facts; the preview is no part of it", () => {
  const result = JSON.parse(folder.succeed("inspect", "set", "--json", "--preview")) as Record<
    string,
    { kind: string; volumes: number; classes: { name: string; volumes: number }[] }
  >;
  assert.deepEqual(Object.keys(result), ["look", "comparison", "inputs", "usable", "files"]);
  assert.deepEqual([result["look"]!.kind, result["look"]!.volumes], ["dataset", 3]);
  assert.deepEqual(
    result["look"]!.classes.map(({ name }) => name),
    ["CT-0", "CT-1", "CT-2"],
  );
  const list = JSON.parse(folder.succeed("inspect", "scans", "--json")) as {
    look: { kind: string; volumes: { id: string }[] };
  };
  assert.deepEqual([list.look.kind, list.look.volumes.length], ["source", 3]);
});

test("inspect --source and --inputs: 0 where all fits, with the picture's name; 3 where the scan is another", () => {
  const text = folder.succeed("inspect", "set", "--id", "0001", "--source", "scans", "--inputs");
  assert.match(text, /the prepared file \(same SHA-256\)/);
  assert.match(text, /within rounding/);
  assert.match(text, /largest difference 0, normalised 0/);
  assert.match(text, /Written: comparison-0001\.png/);
  assert.ok(existsSync(at("comparison-0001.png")));
  const [scan, rows] = [at("scans", "0001.nii.gz"), readFileSync(at("scans", "0001.nii.gz"))];
  writeFileSync(scan, readFileSync(at("scans", "0002.nii.gz")));
  const { status, stdout } = folder.run(
    "inspect",
    "set",
    "--id",
    "0001",
    "--source",
    "scans",
    "--comparison",
    "c.png",
  );
  writeFileSync(scan, rows);
  assert.equal(status, 3);
  assert.match(stdout, /MORE than rounding/);
});

test("inspect: wrong arguments are code 2, missing input is code 3, each with a message", () => {
  for (const [args, code, message] of [
    [["set", "--window", "400,-1000"], 2, /LOW,HIGH/],
    [["set", "--config", "c.yaml"], 2, /--inputs/],
    [["set", "--comparison", "c.png"], 2, /--source/],
    [["set", "--id", "9999"], 3, /no volume has the id 9999.*0001/],
    [["set", "--animation", "film.apng", "--id", "0001"], 3, /APNG is not supported/],
    [["scans/labels.csv"], 3, /no volume found among 1 files/],
  ] as const) {
    const { status, stderr } = folder.run("inspect", ...args);
    assert.equal(status, code, `${args.join(" ")}: ${stderr}`);
    assert.match(stderr, message, args.join(" "));
  }
});

test("clock --json: batch and passes as given, one object with all times", () => {
  const { timings, batch } = JSON.parse(
    folder.succeed("clock", "set", "--json", "--batch", "5", "--epochs", "2"),
  ) as {
    batch: number;
    timings: { seconds: number[]; cold: boolean }[];
  };
  assert.deepEqual([batch, timings.length], [5, 12]);
  assert.ok(timings.every(({ cold, seconds }) => seconds.length === (cold ? 1 : 2)));
});
