import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { spoil, type Kind } from "./mutations.js";

const folder = mkdtempSync(join(tmpdir(), "slicestack-fuzz-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const expectations: [kind: Kind, fact: string][] = [
  ["zip", "the right tensors or a CheckpointError, because all that matters has a checksum"],
  ["pickle", "tensors within the file or a CheckpointError"],
  ["legacy", "tensors within the file or a CheckpointError"],
  ["safetensors", "tensors within the file or a CheckpointError"],
];
for (const [kind, fact] of expectations) {
  test(`100 seeded mutations (${kind}): ${fact}`, () => {
    const { read, refused } = spoil(kind, 100, 1, folder);
    assert.ok(read > 3 && refused > 30, `both happen: ${read} read, ${refused} refused`);
  });
}
