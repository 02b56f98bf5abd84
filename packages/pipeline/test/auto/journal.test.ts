/** auto.json: what a later call continues from, what it makes again, and what it refuses. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { z } from "zod";
import { autoPaths } from "../../src/auto/folder.js";
import { Journal } from "../../src/auto/journal.js";
import { readsText } from "../../src/auto/result-text.js";
import { testedSchema } from "../../src/auto/results.js";

const folder = mkdtempSync(join(tmpdir(), "slicestack-auto-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const paths = autoPaths(folder);

test("a finished step is not repeated, unless the file that it wrote was removed; other inputs are refused", async () => {
  let calls = 0;
  const bundle = (weights: string) =>
    Journal.open(paths, "auto").step({
      name: "bundle",
      inputs: { "trained models": weights },
      writes: paths.bundle,
      result: z.int(),
      run: () => {
        writeFileSync(paths.bundle, "models");
        return ++calls;
      },
    });
  assert.equal(await bundle("a"), 1);
  assert.equal(await bundle("a"), 1);
  rmSync(paths.bundle);
  assert.equal(await bundle("a"), 2);
  assert.deepEqual(
    Journal.read(paths)!.entries.map(({ step, result }) => [step, result]),
    [["bundle", 2]],
  );
  await assert.rejects(bundle("b"), /trained models changed after the step "bundle" was finished/);
});

test("a test set that was read again is not called read once", () => {
  const { reads } = testedSchema.parse({ models: [], volumes: 1, subjects: 1 });
  assert.equal(readsText(reads), "read once");
  assert.match(readsText(2), /^read 2 times/);
});
