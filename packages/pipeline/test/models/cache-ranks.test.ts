/** Processes with different caches take the same branch: rank 0 decides whether the features are cached. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { availability } from "@slicestack/torch/distributed";
import { launchProcesses } from "../../src/train/launch.js";

const { backends, reason } = availability();
const skip = backends.length > 0 ? false : reason;
const folder = mkdtempSync(join(tmpdir(), "slicestack-cache-ranks-"));
after(() => rmSync(folder, { recursive: true, force: true }));

interface Said {
  digest: string;
  cached: boolean;
  files: number;
}

test(
  "two ranks, two caches or one, warm or not: both end with the same features, and each cache is written once",
  { skip },
  async () => {
    const child = fileURLToPath(new URL("./cache-ranks-child.js", import.meta.url));
    const result = await launchProcesses(2, process.execPath, [child, folder], { cores: 2 });
    assert.deepEqual(result, { exitCode: 0, failed: null });
    const [first, second] = [0, 1].map(
      (rank) => JSON.parse(readFileSync(join(folder, `said${rank}.json`), "utf8")) as Record<string, Said>,
    );
    assert.equal(Object.keys(first!).length, 16);
    for (const [name, said] of Object.entries(first!)) {
      const other = second![name]!;
      assert.deepEqual([other.digest, other.cached], [said.digest, said.cached], name);
      // What the first process sees decides.
      const isWarm = /both are|rank 0's is|rank 1's is, one/.test(name);
      assert.equal(said.cached, isWarm, name);
      assert.equal(said.files, 1, `${name}: rank 0's cache`);
      // Maps stay on disk, so that each process needs them in its own cache; embeddings travel.
      const needsOwn = name.startsWith("maps") || /one cache|both are|rank 1's is/.test(name);
      assert.equal(other.files, needsOwn ? 1 : 0, `${name}: rank 1's cache`);
    }
  },
);
