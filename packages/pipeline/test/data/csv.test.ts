/** Tables as people save them: other encodings are refused by line, what spreadsheets add is passed over. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseTable, readTable } from "../../src/data/csv.js";
import { TableError } from "../../src/data/errors.js";
import { temporaryFolder } from "./temporary.js";

const rowsOf = (text: string) => parseTable(text, "t.csv").rows.map(({ values }) => values);
const expected = [
  { id: "1", label: "0" },
  { id: "2", label: "1" },
];

function refused(file: string): TableError {
  try {
    readTable(file);
  } catch (error) {
    assert.ok(error instanceof TableError, String(error));
    return error;
  }
  return assert.fail("nothing was refused");
}

test("GBK, Latin-1 and cp1251 are refused with the first line that is not UTF-8; UTF-8 with and without a mark is read", (t) => {
  const folder = temporaryFolder(t);
  const foreign = { gbk: [0xd2, 0xf5, 0xd0, 0xd4], latin1: [0x47, 0xc4], cp1251: [0xe4, 0xe0] };
  for (const [name, bytes] of Object.entries(foreign)) {
    const file = join(folder, `${name}.csv`);
    writeFileSync(
      file,
      Buffer.concat([Buffer.from("id,label\n1,a\n2,"), Buffer.from(bytes), Buffer.from("\n")]),
    );
    const { line, message } = refused(file);
    assert.equal(line, 3, name);
    assert.match(message, /expected UTF-8 text.*Save it as UTF-8.*iconv -f/);
  }
  const file = join(folder, "utf8.csv");
  for (const mark of ["", "\uFEFF"]) {
    writeFileSync(file, `${mark}id,label\n1,阴性\n`);
    assert.deepEqual(readTable(file).rows[0]?.values, { id: "1", label: "阴性" });
  }
});

test("UTF-16 of either byte order is recognised by its byte-order mark", (t) => {
  const folder = temporaryFolder(t);
  const little = Buffer.from("\uFEFFid,label\n1,0\n2,1\n", "utf16le");
  for (const [name, bytes] of [
    ["le", little],
    ["be", Buffer.from(little).swap16()],
  ] as const) {
    writeFileSync(join(folder, name), bytes);
    assert.deepEqual(
      readTable(join(folder, name)).rows.map(({ values }) => values),
      expected,
    );
  }
});

test("semicolons and tabs separate the values if the header has no comma; a comma in a quoted name does not count", () => {
  assert.deepEqual(rowsOf("id;label\n1;0\n2;1\n"), expected);
  assert.deepEqual(rowsOf("id\tlabel\r\n1\t0\r\n2\t1\r\n"), expected);
  assert.deepEqual(rowsOf('id;"a, b"\n1;x\n'), [{ id: "1", "a, b": "x" }]);
  assert.deepEqual(rowsOf("id,note\n1,a;b\n"), [{ id: "1", note: "a;b" }]);
  assert.throws(
    () => rowsOf("id;label\n1;0;7\n"),
    /found 3\. Put values that contain a semicolon in double quotes/,
  );
});

test("the most frequent separator of the header is used, or that of sep=; line numbers remain those of the file", () => {
  assert.deepEqual(rowsOf("id;label;age, years\n1;0;63\n"), [{ id: "1", label: "0", "age, years": "63" }]);
  assert.deepEqual(rowsOf("\uFEFFsep=;\r\nid;label\r\n1;0\r\n2;1\r\n"), expected);
  assert.equal(parseTable("sep=;\nid;label\n1;0\n", "t.csv").rows[0]?.line, 3);
});

test("numbers with a decimal comma are read with a point, if semicolons or tabs separate the values", () => {
  const table = "id;dose;pixels;note\n1;1,25;1,024;a,b\n2;;2,048;c\n3;NA;512;d\n4;-3;0;e\n";
  assert.deepEqual(
    rowsOf(table).map(({ dose, pixels, note }) => [dose, pixels, note]),
    [
      ["1.25", "1,024", "a,b"],
      ["", "2,048", "c"],
      ["NA", "512", "d"],
      ["-3", "0", "e"],
    ],
  );
  assert.deepEqual(rowsOf('id,dose\n1,"1,25"\n'), [{ id: "1", dose: "1,25" }]);
});

test("blank rows and columns of a spreadsheet are skipped; a value in a column without a name is refused", () => {
  assert.deepEqual(rowsOf("id,label,,\n1,0,,\n,,,\n2,1,,\n,,,\n"), expected);
  assert.throws(
    () => rowsOf("id,label,\n1,0,x\n"),
    /line 1: expected a name for each column, but column 3 has no name/,
  );
  assert.throws(() => rowsOf("id,label\n1,a\0b\n"), /line 2: expected text, found a NUL character/);
});
