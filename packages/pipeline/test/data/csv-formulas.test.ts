/** Cells that a spreadsheet would compute: guarded in the file, and the same text again when it is read. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, test } from "node:test";
import { writeNpy } from "@slicestack/volume/node";
import { guardCell, readTable, unguardCell, writeTable } from "../../src/data/csv.js";
import { prepare } from "../../src/tasks/prepare.js";
import { writeSlices } from "../../src/data/slices.js";
import { makeFolds } from "../../src/data/split/folds.js";
import { splitFromTable } from "../../src/data/split/official.js";
import { writeSplit } from "../../src/data/split/split.js";
import type { Dataset } from "../../src/data/store.js";
import { readPredictions, writePredictions } from "../../src/evaluate/predictions.js";

const folder = mkdtempSync(join(tmpdir(), "slicestack-formulas-"));
after(() => rmSync(folder, { recursive: true }));

const FORMULAS = [
  "=cmd|' /C calc'!A0",
  "+1+1",
  "-2+3",
  "@SUM(1)",
  "\tx",
  '=HYPERLINK("http://evil")',
  "'=x",
  "''-x",
];
const PLAIN = [
  "",
  "-1000",
  "+3.5",
  "-1e-3",
  "1 0 0 0 -1 0 0 0 1",
  "-1 0 0 0 1 0 0 0 -1",
  "a=b",
  "O'Neill",
  "'quoted'",
];

test("formulas get an apostrophe, numbers and lists of numbers do not, and reading returns what was written", () => {
  for (const text of FORMULAS) assert.equal(guardCell(text), `'${text}`);
  for (const text of PLAIN) assert.equal(guardCell(text), text);
  for (const text of [...FORMULAS, ...PLAIN]) assert.equal(unguardCell(guardCell(text)), text);
});

test("a table written by us is restored, column names included; another one is read as it is", () => {
  const file = join(folder, "table.csv");
  writeTable(file, ["id", "=1+1"], [{ id: "@a", "=1+1": -3 }]);
  assert.equal(readFileSync(file, "utf8"), "id,'=1+1\n'@a,-3\n");
  assert.deepEqual(readTable(file, { guarded: true }).rows[0]!.values, { id: "@a", "=1+1": "-3" });
  assert.deepEqual(readTable(file).rows[0]!.values, { id: "'@a", "'=1+1": "-3" });
});

test("predictions.csv: no cell begins like a formula, and ids and subjects are restored", () => {
  const file = join(folder, "predictions.csv");
  const ids = FORMULAS.map((text, k) => `${text}${k}`);
  const one = {
    model: "=m",
    part: "test" as const,
    ids,
    subjects: ids.map((id) => `@${id}`),
    labels: ids.map((_, k) => k % 2),
    probabilities: ids.map(() => [0.25, 0.75]),
  };
  writePredictions(file, [one]);
  for (const cell of readFileSync(file, "utf8").split(/[,\n]/)) assert.ok(!/^"?[=+@\t-]/.test(cell), cell);
  assert.deepEqual(readPredictions(file), [one]);
});

test("slices: volumes whose names look like formulas, prepared, written out and prepared again, are the same; of a fold, only its parts", async () => {
  const source = join(folder, "arrays");
  mkdirSync(source);
  const ids = ["-a", "=b", "@c", "d", "e", "f"];
  for (const [k, id] of ids.entries())
    await writeNpy(join(source, `${id}.npy`), { data: new Uint8Array(48).fill(k), shape: [4, 4, 3] });
  const rows = ids.map((id, k) => `${id},${k % 2},${k % 2 === 0 ? "+one" : "two"}\n`);
  writeFileSync(join(source, "labels.csv"), `id,label,class\n${rows.join("")}`);
  const set = await prepare({ source, destination: join(folder, "set") });
  await writeSlices(set, { destination: join(folder, "slices") });
  const again = await prepare({ source: join(folder, "slices"), destination: join(folder, "again") });
  const facts = (dataset: Dataset) =>
    dataset.volumes.map(({ id, subject, label }) => `${id} ${subject} ${label}`).sort();
  assert.deepEqual(facts(again), facts(set));
  assert.deepEqual(again.info.classes, ["+one", "two"]);

  const split = join(folder, "split.csv");
  writeTable(
    split,
    ["id", "part"],
    ids.map((id, k) => ({ id, part: ["train", "val", "test"][k % 3]! })),
  );
  assert.deepEqual(splitFromTable(set, split).parts.train, ["-a", "d"]);
  const folds = makeFolds(set, { seed: 1, folds: 3 });
  writeSplit(set, folds);
  await assert.rejects(
    writeSlices(set, { destination: join(folder, "x") }),
    /has 3 folds\. Choose one with --fold/,
  );
  await assert.rejects(
    writeSlices(set, { destination: join(folder, "x"), fold: 3 }),
    /expected a fold 0 to 2, received 3/,
  );
  await writeSlices(set, { destination: join(folder, "fold1"), fold: 1, volumes: true });
  const held = folds[1]!.parts.test;
  const files = readdirSync(join(folder, "fold1/test"), { recursive: true }).filter((name) =>
    String(name).endsWith(".npy"),
  );
  assert.deepEqual(files.map((name) => basename(String(name), ".npy")).sort(), [...held].sort());
});
