import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { spoil } from "./mutations.js";

const folder = mkdtempSync(join(tmpdir(), "slicestack-fuzz-"));
after(() => rmSync(folder, { recursive: true, force: true }));

for (const kind of ["zip", "pickle", "legacy", "safetensors"] as const) {
  for (let seed = 2; seed <= 21; seed++) {
    test(`2000 more mutations (${kind}, seed ${seed}): tensors or a CheckpointError`, () => {
      spoil(kind, 2000, seed, folder);
    });
  }
}
