/** A data set that is moved or cut between two stages of a training is named, with what to do. */
import assert from "node:assert/strict";
import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { DatasetError } from "../../src/data/errors.js";
import { datasetSource } from "../../src/input/source.js";
import { fakeDataset } from "../data/fake-dataset.js";
import { temporaryFolder } from "../data/temporary.js";

test("slices that are gone, or fewer than the data set has, are a DatasetError with the path and a remedy", (t) => {
  const slicesPath = join(temporaryFolder(t), "slices.npy");
  const dataset = { ...fakeDataset([["a", "s", 0]]), slicesPath, slicesOffset: 128 };
  const refused = (problem: RegExp) =>
    assert.throws(
      () => datasetSource(dataset),
      (error) => error instanceof DatasetError && problem.test(error.message),
    );
  refused(
    /slices\.npy: no longer exists\. Restore the data set; then the same command, or --resume, continues/,
  );
  writeFileSync(slicesPath, new Uint8Array(130));
  {
    using source = datasetSource(dataset);
    assert.deepEqual(source.stored_NHW.shape, [1, 1, 1]);
  }
  truncateSync(slicesPath, 129);
  refused(/slices\.npy: expected 130 bytes, but it now has only 129\./);
});
