/** What prepare tells of the columns of a labels file can be read, however many there are. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { columnLines } from "../src/commands/prepare.js";

const names = (count: number) => Array.from({ length: count }, (_, k) => `c${k}`);

test("columns that are kept and dropped are named, of thousands the first and how many more", () => {
  const few = columnLines({ kept: ["age", "sex"], dropped: [{ name: "Nachname", why: "looks personal" }] });
  assert.deepEqual(few, [
    "kept from the labels file: age, sex (--keep-columns chooses, --json lists all)",
    "dropped the column Nachname: looks personal",
  ]);
  const many = columnLines({ kept: names(20_000), dropped: names(3000).map((name) => ({ name, why: "" })) });
  assert.equal(many.length, 1 + 40 + 1);
  assert.match(many[0]!, /c39 and 19960 more \(/);
  assert.ok(many[0]!.length < 400);
  assert.equal(many.at(-1), "dropped 2960 more columns: --json lists all");
  assert.deepEqual(columnLines({ kept: [], dropped: [] }), []);
});
