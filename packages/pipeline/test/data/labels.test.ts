import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { LabelsError, PrepareError, TableError } from "../../src/data/errors.js";
import { ingest } from "../../src/data/ingest.js";
import { temporaryFolder } from "./temporary.js";

function folderWith(root: string, paths: string[], csv?: string): string {
  for (const path of paths) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), "");
  }
  if (csv !== undefined) writeFileSync(join(root, "labels.csv"), csv);
  return root;
}

function refused(source: string): LabelsError {
  try {
    ingest(source);
  } catch (error) {
    assert.ok(error instanceof LabelsError, String(error));
    return error;
  }
  return assert.fail("nothing was refused");
}

test("ingest: ids match the file's stem or its path; subject defaults to the id; further columns are kept", (t) => {
  const csv = "id,label,site,class\n0001,1,A,sick\nsub/0002.nii,0,B,well\n";
  const { files, classes } = ingest(folderWith(temporaryFolder(t), ["0001.nii.gz", "sub/0002.nii"], csv));
  assert.deepEqual(
    files.map(({ id, subject, label, extra }) => [id, subject, label, extra]),
    [
      ["0001", "0001", 1, { site: "A" }],
      ["0002", "0002", 0, { site: "B" }],
    ],
  );
  assert.deepEqual(classes, ["well", "sick"]);
});

test("ingest: class folders without a labels file give label and class name; one in between may be empty", (t) => {
  const source = folderWith(temporaryFolder(t), ["class_0/a.npy", "class_2/b.npy"]);
  const { files, classes } = ingest(source);
  assert.deepEqual(
    files.map(({ id, label }) => [id, label]),
    [
      ["a", 0],
      ["b", 2],
    ],
  );
  assert.deepEqual(classes, ["class_0", "1", "class_2"]);
});

test("ingest: where two files have one name, the id is the path, and an id by name alone is refused", (t) => {
  const folder = temporaryFolder(t);
  const source = folderWith(folder, ["x/a.npy", "y/a.npy"], "path,label\nx/a.npy,0\ny/a,1\n");
  assert.deepEqual(
    ingest(source).files.map((file) => file.id),
    ["x/a", "y/a"],
  );
  writeFileSync(join(folder, "labels.csv"), "path,label\na,0\n");
  assert.match(refused(source).message, /a: the name of 2 volumes/);
});

test("LabelsError: lists ids without a volume, volumes without a label, contradictions and bad labels", (t) => {
  const volumes = ["class_1/a.npy", "b.npy", "c.npy", "d.npy", "e.npy"];
  const csv = "id,label\na,0\nb,1\nb,2\nc,1.5\nd,-1\nghost,0\n";
  const { problems } = refused(folderWith(temporaryFolder(t), volumes, csv));
  assert.deepEqual(problems.unmatched, ["ghost"]);
  assert.deepEqual(problems.unlabelled, ["e"]);
  assert.equal(problems.conflicting.length, 2);
  assert.match(problems.conflicting.join(), /b: lines 3 and 4/);
  assert.match(problems.conflicting.join(), /class_1\/a\.npy: label 0 in line 2/);
  assert.deepEqual(
    problems.invalid.map((text) => text.slice(0, 1)),
    ["c", "d"],
  );
});

test("LabelsError: the message shows the first ten and the count", (t) => {
  const ghosts = Array.from({ length: 25 }, (_, i) => `ghost${String(i).padStart(2, "0")}`);
  const csv = ["id,label", "a,0", ...ghosts.map((id) => `${id},0`)].join("\n");
  const error = refused(folderWith(temporaryFolder(t), ["a.npy"], csv));
  assert.match(error.message, /25 match no volume \(ghost00,.*ghost09, …\)/);
  assert.doesNotMatch(error.message, /ghost10/);
  assert.equal(error.problems.unmatched.length, 25);
});

test("ingest: the same row twice is no contradiction; two subjects for one volume are", (t) => {
  const folder = temporaryFolder(t);
  folderWith(folder, ["a.npy"], "id,subject,label\na,s,1\na,s,1\n");
  assert.equal(ingest(folder).files[0]?.label, 1);
  writeFileSync(join(folder, "labels.csv"), "id,subject,label\na,s,1\na,r,1\n");
  assert.equal(refused(folder).problems.conflicting.length, 1);
});

test("ingest: no volumes, no labels, missing columns and a missing folder each say what to do", (t) => {
  const folder = temporaryFolder(t);
  assert.throws(() => ingest(join(folder, "none")), /ENOENT/);
  assert.throws(() => ingest(folder), PrepareError);
  folderWith(folder, ["a.nii.gz"]);
  assert.throws(() => ingest(folder), /no labels found\. Pass --labels/);
  writeFileSync(join(folder, "labels.csv"), "name,class\na,0\n");
  assert.throws(
    () => ingest(folder),
    (error) => error instanceof TableError && error.message.includes("expected the columns id or path, and label"),
  );
});
