/** A disk that fills up while maps are written costs the file, and neither the pass nor the other processes. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { availability } from "@slicestack/torch/distributed";
import { launchProcesses } from "../../src/train/launch.js";
import type { Said } from "./full-disk-child.js";

const { backends, reason } = availability();
const hasLimits = spawnSync("prlimit", ["--version"]).status === 0;
const skip = backends.length === 0 ? reason : hasLimits ? false : "there is no prlimit here";
const folder = mkdtempSync(join(tmpdir(), "slicestack-full-disk-"));
after(() => rmSync(folder, { recursive: true, force: true }));

test(
  "two processes, one with a disk too small for the maps: both have them, and the other keeps its file",
  { skip },
  async () => {
    const child = fileURLToPath(new URL("./full-disk-child.js", import.meta.url));
    const result = await launchProcesses(2, process.execPath, [child, folder], { cores: 2 });
    assert.deepEqual(result, { exitCode: 0, failed: null });
    const [first, second] = [0, 1].map(
      (rank) => JSON.parse(readFileSync(join(folder, `${rank}.json`), "utf8")) as Record<string, Said>,
    );
    const { digest } = first!["room"]!;
    for (const said of [first!, second!])
      for (const [name, one] of Object.entries(said)) assert.equal(one.digest, digest, name);
    const files = (name: string) => [first![name]!.files.length, second![name]!.files.length];
    // Where rank 0 has none, there is nothing to copy.
    assert.deepEqual(["room", "alone", "rank 0", "rank 1"].map(files), [
      [1, 1],
      [0, 0],
      [0, 0],
      [1, 0],
    ]);
  },
);
