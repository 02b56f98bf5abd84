/** Volumes of several types: the refusal names a remedy, and the remedy works. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readNpy, writeNpy } from "@slicestack/volume/node";
import { writeTable } from "../../src/data/csv.js";
import { prepare } from "../../src/tasks/prepare.js";
import { temporaryFolder } from "./temporary.js";

test("bytes and floats: refused with --dtype float32, which stores the values of both as they are", async (t) => {
  const folder = temporaryFolder(t);
  const source = join(folder, "arrays");
  mkdirSync(source);
  await writeNpy(join(source, "v0.npy"), { data: new Uint8Array(8).fill(200), shape: [2, 2, 2] });
  await writeNpy(join(source, "v1.npy"), { data: new Float32Array(8).fill(0.25), shape: [2, 2, 2] });
  writeTable(
    join(source, "labels.csv"),
    ["id", "label"],
    [0, 1].map((k) => ({ id: `v${k}`, label: k })),
  );
  const refused = await prepare({ source, destination: join(folder, "a") });
  assert.match(
    refused.info.quarantined?.[0]?.reason ?? "",
    /expected uint8 .* received float32 .*; pass --dtype float32, which holds both types$/,
  );
  assert.match(refused.warnings.join(), /no volume of class 1 could be prepared/);
  const { directory, info } = await prepare({ source, destination: join(folder, "b"), dtype: "float32" });
  assert.deepEqual([info.dtype, info.quarantined], ["float32", []]);
  const { data } = await readNpy(join(directory, "slices.npy"));
  assert.deepEqual([...data], [...new Array<number>(8).fill(200), ...new Array<number>(8).fill(0.25)]);
});

test("another size is refused with --size; HU are int16 whatever is requested", async (t) => {
  const folder = temporaryFolder(t);
  const source = join(folder, "arrays");
  mkdirSync(source);
  for (const [k, n] of [2, 3].entries())
    await writeNpy(join(source, `v${k}.npy`), { data: new Uint8Array(n * n * 2), shape: [n, n, 2] });
  writeTable(
    join(source, "labels.csv"),
    ["id", "label"],
    [0, 1].map((k) => ({ id: `v${k}`, label: k })),
  );
  const refused = await prepare({ source, destination: join(folder, "a") });
  assert.match(refused.info.quarantined?.[0]?.reason ?? "", /; pass --size to resample$/);
  const both = prepare({ source, destination: join(folder, "b"), unit: "HU", dtype: "float32" });
  await assert.rejects(both, /HU are stored as int16.*--unit arbitrary/);
});
