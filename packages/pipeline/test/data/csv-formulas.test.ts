/** Cells that a spreadsheet would compute: guarded in the file, and the same text again when it is read. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { guardCell, readTable, unguardCell, writeTable } from "../../src/data/csv.js";
import { readPredictions, writePredictions } from "../../src/evaluate/predictions.js";

const folder = mkdtempSync(join(tmpdir(), "slicestack-formulas-"));
after(() => rmSync(folder, { recursive: true }));

const FORMULAS = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "\tx", '=HYPERLINK("http://evil")', "'=x", "''-x"];
const PLAIN = ["", "-1000", "+3.5", "-1e-3", "1 0 0 0 -1 0 0 0 1", "-1 0 0 0 1 0 0 0 -1", "a=b", "O'Neill", "'quoted'"];

test("formulas get an apostrophe, numbers and lists of numbers do not, and reading gives back what was written", () => {
  for (const text of FORMULAS) assert.equal(guardCell(text), `'${text}`);
  for (const text of PLAIN) assert.equal(guardCell(text), text);
  for (const text of [...FORMULAS, ...PLAIN]) assert.equal(unguardCell(guardCell(text)), text);
});

test("a table of our own, columns included; a foreign one is read as it stands", () => {
  const file = join(folder, "table.csv");
  writeTable(file, ["id", "=1+1"], [{ id: "@a", "=1+1": -3 }]);
  assert.equal(readFileSync(file, "utf8"), "id,'=1+1\n'@a,-3\n");
  assert.deepEqual(readTable(file, { guarded: true }).rows[0]!.values, { id: "@a", "=1+1": "-3" });
  assert.deepEqual(readTable(file).rows[0]!.values, { id: "'@a", "'=1+1": "-3" });
});

test("predictions.csv: no cell begins like a formula, and ids and subjects come back", () => {
  const file = join(folder, "predictions.csv");
  const ids = FORMULAS.map((text, k) => `${text}${k}`);
  const one = { model: "=m", part: "test" as const, ids, subjects: ids.map((id) => `@${id}`), labels: ids.map((_, k) => k % 2), probabilities: ids.map(() => [0.25, 0.75]) }; // prettier-ignore
  writePredictions(file, [one]);
  for (const cell of readFileSync(file, "utf8").split(/[,\n]/)) assert.ok(!/^"?[=+@\t-]/.test(cell), cell);
  assert.deepEqual(readPredictions(file), [one]);
});
