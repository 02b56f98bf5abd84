import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Table } from "../../src/data/csv.js";
import { furtherColumns } from "../../src/data/ingest/columns.js";
import { isPersonal } from "../../src/data/ingest/personal-columns.js";
import { subjectWarnings } from "../../src/data/ingest/placeholders.js";
import { Pseudonyms, readSalt, saltPath } from "../../src/data/ingest/privacy.js";
import type { LabelledVolume } from "../../src/data/ingest/source.js";
import { temporaryFolder } from "./temporary.js";

test("a pseudonym is HMAC-SHA-256 of the identifier under the salt: the same each time, different with another salt", () => {
  const salt = Buffer.from("0123456789abcdef");
  const expected = createHmac("sha256", salt).update("patient 4711").digest("hex").slice(0, 12);
  assert.equal(new Pseudonyms(salt).of("patient", "4711"), expected);
  assert.notEqual(new Pseudonyms(salt).of("series", "4711"), expected);
  assert.notEqual(new Pseudonyms(Buffer.from("another salt, 16+")).of("patient", "4711"), expected);
});

test("the salt is created once, readable by its owner only, and reused afterwards; a short one is refused", (t) => {
  const folder = temporaryFolder(t);
  const file = saltPath({ XDG_CONFIG_HOME: folder }, "/nowhere");
  const salt = readSalt(file);
  assert.deepEqual(readSalt(file), salt);
  assert.equal(readFileSync(file, "utf8").trim().length, 64);
  assert.equal(statSync(file).mode & 0o077, 0);
  const short = join(folder, "short");
  writeFileSync(short, "secret\n");
  assert.throws(() => readSalt(short), /at least 16 characters, found 6.*--salt-file/s);
  assert.throws(() => readSalt(folder), /EISDIR/);
});

test("a warning about volumes without a subject names a file, but not that of a DICOM series, whose folder may be a name", () => {
  const of = (path: string, input: object) => ({ path, input, subject: path }) as unknown as LabelledVolume;
  const dicom = of("DOE_JANE/CT (1.dcm …)", { kind: "dicom", series: "1.2", files: [] });
  const array = of("0001.nii.gz", { kind: "file", path: "0001.nii.gz" });
  const ofDicom = subjectWarnings([dicom], [dicom]).join();
  assert.match(ofDicom, /1 of 1 volumes have no subject in the labels file, and no PatientID: each counts/);
  assert.doesNotMatch(ofDicom, /DOE/);
  assert.match(subjectWarnings([array], [array]).join(), /\(such as 0001\.nii\.gz\)/);
});

test("columns that identify a person or a study in hospital systems are personal, in any spelling", () => {
  for (const column of [
    "PatientName",
    "patient_name",
    "Last Name",
    "DOB",
    "birth-date",
    "MRN",
    "PatientID",
    "AccessionNumber",
    "StudyInstanceUID",
    "e-mail",
  ])
    assert.ok(isPersonal(column), column);
  for (const column of ["site", "scanner", "sex", "age", "class", "name_of_scanner", "study", "affected"])
    assert.ok(!isPersonal(column), column);
});

test("names, birth dates, addresses and identification numbers are personal in other languages and spellings too", () => {
  for (const column of [
    "Full Name",
    "Nachname",
    "Prénom",
    "Geburtsdatum",
    "date_of_birth",
    "Geb.-Datum",
    "NHS number",
    "NHS No.",
    "postcode",
    "Zip Code",
    "PLZ",
    "Straße",
    "Patient's Name",
    "patienten_nr",
    "Hospital Number",
    "Fallnummer",
    "Fecha de nacimiento",
    "achternaam",
    "姓名",
    "Дата рождения",
    "SOPInstanceUID",
    "Subject Initials",
  ])
    assert.ok(isPersonal(column), column);
  for (const column of [
    "site",
    "kVp",
    "country",
    "slice thickness",
    "histology",
    "stage",
    "sex",
    "smoker",
    "report_class",
    "hospital",
    "tagged",
    "nominal",
    "label2",
    "телескоп",
  ])
    assert.ok(!isPersonal(column), column);
});

const tableOf = (columns: Record<string, readonly string[]>): Table => {
  const names = Object.keys(columns);
  const count = Math.max(...Object.values(columns).map(({ length }) => length));
  const rows = Array.from({ length: count }, (_, k) => ({
    line: k + 2,
    values: Object.fromEntries(names.map((name) => [name, columns[name]![k] ?? ""])),
  }));
  return { file: "labels.csv", columns: names, rows };
};

test("columns whose values are dates, identification numbers, addresses or names are dropped, with the reason", () => {
  const rows = 12;
  const many = (value: (k: number) => string) => Array.from({ length: rows }, (_, k) => value(k));
  const table = tableOf({
    id: many(String),
    a: many((k) => `19${60 + k}-0${1 + (k % 9)}-17`),
    b: many((k) => `${10 + k}.03.19${50 + k}`),
    c: many((k) => `19${40 + k}0711`),
    d: many((k) => `${1 + k} March 19${55 + k}`),
    e: many((k) => (k === 3 ? "" : `p${k}@clinic.org`)),
    // Valid by their last digit: 943 476 5919 is the NHS's own example.
    f: many(() => "943 476 5919"),
    g: many((k) => `SW${1 + k} 2AA`),
    h: many((k) => `1.2.840.113619.2.${k}`),
    i: many((k) => ["Hans Mueller", "Eva Maier", "Åsa Öst"][k % 3]! + String.fromCharCode(65 + k)),
    j: many((k) => `Doe^J${k}`),
    k: many((k) => `+44 20 7946 09${10 + k}`),
    age: many((k) => String(40 + k)),
    dose: many((k) => `${(k / 7).toFixed(3)}`),
    site: many((k) => (k % 2 === 0 ? "North Hospital" : "South Hospital")),
    size: many((k) => `${1000000000 + 77 * k}`),
    note: many((k) => (k < 2 ? "checked" : "")),
  });
  const { kept, dropped } = furtherColumns(table, new Set(["id"]), {});
  assert.deepEqual(kept, ["age", "dose", "site", "size", "note"]);
  assert.deepEqual(
    dropped.map(({ name, why }) => `${name}: ${why.replace("its values look like ", "")}`),
    [
      ...["a", "b", "c", "d"].map((name) => `${name}: dates`),
      "e: e-mail addresses",
      "f: NHS numbers",
      "g: postcodes",
      "h: UIDs",
      "i: names or remarks, with a different text in nearly every row",
      "j: names in the form of DICOM",
      "k: phone numbers",
    ],
  );
});

test("dates are recognised despite missing values, and names despite several rows of one person", () => {
  const many = (of: (k: number) => string) => Array.from({ length: 10 }, (_, k) => of(k));
  const table = tableOf({
    id: many(String),
    when: many((k) => (k < 4 ? `196${k}-05-0${1 + k}` : "NA")),
    who: many((k) => ["Hans", "Eva", "Åsa", "Tom", "Ida"][k >> 1]!),
    site: many((k) => (k < 5 ? "North" : "South")),
  });
  const subjectOf = new Map(table.rows.map((row, k) => [row, `s${k >> 1}`]));
  const { kept, dropped } = furtherColumns(table, new Set(["id"]), { subjectOf });
  assert.deepEqual(kept, ["site"]);
  assert.deepEqual(
    dropped.map(({ name }) => name),
    ["when", "who"],
  );
});

test("--keep-columns keeps exactly the columns that it names; a column that identifies a person also requires --keep-ids", () => {
  const table = tableOf({ id: ["1"], site: ["N"], scanned: ["2020-01-01"], Nachname: ["Maier"] });
  const used = new Set(["id"]);
  assert.deepEqual(furtherColumns(table, used, { keepColumns: ["scanned"] }).kept, ["scanned"]);
  assert.deepEqual(furtherColumns(table, used, { keepColumns: [] }).kept, []);
  assert.throws(
    () => furtherColumns(table, used, { keepColumns: ["Site"] }),
    /column Site is missing; the columns are id, site/,
  );
  assert.throws(
    () => furtherColumns(table, used, { keepColumns: ["Nachname"] }),
    /Nachname names a person.*--keep-ids/,
  );
  assert.deepEqual(furtherColumns(table, used, { keepColumns: ["Nachname"], keepIds: true }).kept, [
    "Nachname",
  ]);
});
