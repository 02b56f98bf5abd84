import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isPersonal, Pseudonyms, readSalt, saltPath } from "../../src/data/ingest/privacy.js";
import { temporaryFolder } from "./temporary.js";

test("a pseudonym is HMAC-SHA-256 of the identifier under the salt: the same each time, another under another salt", () => {
  const salt = Buffer.from("0123456789abcdef");
  const expected = createHmac("sha256", salt).update("patient 4711").digest("hex").slice(0, 12);
  assert.equal(new Pseudonyms(salt).of("patient", "4711"), expected);
  assert.notEqual(new Pseudonyms(salt).of("series", "4711"), expected);
  assert.notEqual(new Pseudonyms(Buffer.from("another salt, 16+")).of("patient", "4711"), expected);
});

test("the salt is made once, for its owner's eyes alone, and read afterwards; a short one is refused", (t) => {
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

test("columns that name a person or a study in the hospital's systems are personal, whatever their spelling", () => {
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
    // prettier-ignore
    assert.ok(isPersonal(column), column);
  for (const column of ["site", "scanner", "sex", "age", "class", "name_of_scanner", "study", "affected"])
    assert.ok(!isPersonal(column), column);
});
