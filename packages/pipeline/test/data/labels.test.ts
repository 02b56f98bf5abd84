import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { LabelsError, PrepareError, TableError } from "../../src/data/errors.js";
import { makePlan, type PlanOptions } from "../../src/data/prepare/plan.js";
import { temporaryFolder } from "./temporary.js";

function folderWith(root: string, paths: string[], csv?: string): string {
  for (const path of paths) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), "");
  }
  if (csv !== undefined) writeFileSync(join(root, "labels.csv"), csv);
  return root;
}

async function refused(source: string, options: Partial<PlanOptions> = {}): Promise<LabelsError> {
  try {
    await makePlan({ source, ...options });
  } catch (error) {
    assert.ok(error instanceof LabelsError, String(error));
    return error;
  }
  return assert.fail("nothing was refused");
}

test("plan: ids match the file's stem or its path; subject defaults to the id; further columns are kept", async (t) => {
  const csv = "id,label,site,class\n0001,1,A,sick\nsub/0002.nii,0,B,well\n";
  const source = folderWith(temporaryFolder(t), ["0001.nii.gz", "sub/0002.nii"], csv);
  const { volumes, classes } = await makePlan({ source });
  assert.deepEqual(
    volumes.map(({ id, subject, label, extra }) => [id, subject, label, extra]),
    [
      ["0001", "0001", 1, { site: "A" }],
      ["0002", "0002", 0, { site: "B" }],
    ],
  );
  assert.deepEqual(classes, ["well", "sick"]);
});

test("plan: a name matches despite another Unicode form of its accents, unless a file has exactly the given form", async (t) => {
  const [one, two] = ["M\u00fcller", "Mu\u0308ller"];
  const source = folderWith(temporaryFolder(t), [`${two}.nii`, "b.nii"], `id,label\n${one},0\nb,1\n`);
  assert.deepEqual((await makePlan({ source })).volumes.map(({ label }) => label).sort(), [0, 1]);
  const both = folderWith(temporaryFolder(t), [`${one}.nii`, `${two}.nii`], `id,label\n${one},0\n${two},1\n`);
  const { volumes } = await makePlan({ source: both });
  assert.deepEqual(
    new Map(volumes.map(({ id, label }) => [id, label])),
    new Map([
      [one, 0],
      [two, 1],
    ]),
  );
});

test("plan: class folders without a labels file give label and class name; a class folder in the middle may be empty", async (t) => {
  const source = folderWith(temporaryFolder(t), ["class_0/a.nii", "class_2/b.nii"]);
  const { volumes, classes } = await makePlan({ source });
  assert.deepEqual(
    volumes.map(({ id, label }) => [id, label]),
    [
      ["a", 0],
      ["b", 2],
    ],
  );
  assert.deepEqual(classes, ["class_0", "1", "class_2"]);
});

test("plan: if two files have the same name, the id is the path, and an id by name alone is refused", async (t) => {
  const folder = temporaryFolder(t);
  const source = folderWith(folder, ["x/a.nii", "y/a.nii"], "path,label\nx/a.nii,0\ny/a,1\n");
  assert.deepEqual(
    (await makePlan({ source })).volumes.map(({ id }) => id),
    ["x/a", "y/a"],
  );
  writeFileSync(join(folder, "labels.csv"), "path,label\na,0\n");
  assert.match((await refused(source)).message, /a: matches 2 volumes/);
});

test("LabelsError: lists ids without a volume, volumes without a label, contradictions and bad labels", async (t) => {
  const volumes = ["class_1/a.nii", "b.nii", "c.nii", "d.nii", "e.nii"];
  const csv = "id,label\na,0\nb,1\nb,2\nc,1.5\nd,-1\nghost,0\n";
  const { problems } = await refused(folderWith(temporaryFolder(t), volumes, csv));
  assert.deepEqual(problems.unmatched, ["ghost"]);
  assert.deepEqual(problems.unlabelled, ["e.nii"]);
  assert.equal(problems.conflicting.length, 2);
  assert.match(problems.conflicting.join(), /b: lines 3 and 4/);
  assert.match(problems.conflicting.join(), /class_1\/a\.nii: label 0 in line 2/);
  assert.deepEqual(
    problems.invalid.map((text) => text.slice(0, 1)),
    ["c", "d"],
  );
});

test("LabelsError: the message shows the first ten and the count", async (t) => {
  const ghosts = Array.from({ length: 25 }, (_, i) => `ghost${String(i).padStart(2, "0")}`);
  const csv = ["id,label", "a,0", ...ghosts.map((id) => `${id},0`)].join("\n");
  const error = await refused(folderWith(temporaryFolder(t), ["a.nii"], csv));
  assert.match(error.message, /25 match no volume \(ghost00,.*ghost09, …\)/);
  assert.doesNotMatch(error.message, /ghost10/);
  assert.equal(error.problems.unmatched.length, 25);
});

test("plan: a repeated row is not a contradiction; two subjects for one volume are", async (t) => {
  const folder = temporaryFolder(t);
  folderWith(folder, ["a.nii"], "id,subject,label\na,s,1\na,s,1\n");
  assert.equal((await makePlan({ source: folder })).volumes[0]?.label, 1);
  writeFileSync(join(folder, "labels.csv"), "id,subject,label\na,s,1\na,r,1\n");
  assert.equal((await refused(folder)).problems.conflicting.length, 1);
});

test("plan: no volumes, no labels, missing columns and a missing folder each say what to do", async (t) => {
  const folder = temporaryFolder(t);
  await assert.rejects(makePlan({ source: join(folder, "none") }), /ENOENT/);
  await assert.rejects(makePlan({ source: folder }), PrepareError);
  folderWith(folder, ["a.nii.gz"]);
  await assert.rejects(makePlan({ source: folder }), /no labels found\. Pass --labels/);
  writeFileSync(join(folder, "labels.csv"), "name,class\na,0\n");
  await assert.rejects(
    makePlan({ source: folder }),
    (error) =>
      error instanceof TableError && error.message.includes("expected the columns id or path, and label"),
  );
});

test("labels may be text: CT-0 … in order of their numbers, other words in alphabetical order", async (t) => {
  const folder = folderWith(
    temporaryFolder(t),
    ["a.nii", "b.nii", "c.nii"],
    "id,label\na,CT-3\nb,CT-0\nc,CT-3\n",
  );
  const numbered = await makePlan({ source: folder });
  assert.deepEqual(
    [numbered.volumes.map(({ label }) => label), numbered.classes],
    [
      [3, 0, 3],
      ["CT-0", "1", "2", "CT-3"],
    ],
  );
  writeFileSync(join(folder, "labels.csv"), "id,category\na,sick\nb,healthy\nc,sick\n");
  const worded = await makePlan({ source: folder });
  assert.deepEqual(
    [worded.volumes.map(({ label }) => label), worded.classes],
    [
      [1, 0, 1],
      ["healthy", "sick"],
    ],
  );
  // A number among them makes the word a mistake.
  writeFileSync(join(folder, "labels.csv"), "id,label\na,0\nb,1\nc,sick\n");
  assert.match((await refused(folder)).problems.invalid.join(), /c\.nii: label "sick"/);
});

test("columns by name; MosMed's registry, whose paths begin with a slash, matches as it is", async (t) => {
  const csv =
    "study_file,category,who\n/studies/CT-0/study_0001.nii.gz,CT-0,p1\n/studies/CT-2/study_0002.nii.gz,CT-2,p2\n";
  const source = folderWith(temporaryFolder(t), ["CT-0/study_0001.nii.gz", "CT-2/study_0002.nii.gz"], csv);
  const columns = { id: "study_file", label: "category", subject: "who" };
  const { volumes, classes } = await makePlan({ source, columns });
  assert.deepEqual(
    volumes.map(({ id, label, subject }) => [id, label, subject]),
    [
      ["study_0001", 0, "p1"],
      ["study_0002", 2, "p2"],
    ],
  );
  assert.deepEqual(classes, ["CT-0", "1", "CT-2"]);
  await assert.rejects(
    makePlan({ source, columns: { id: "nowhere" } }),
    /expected the column nowhere, found study_file/,
  );
});

test("--skip-unlabelled leaves out and lists volumes and rows without a counterpart", async (t) => {
  const source = folderWith(temporaryFolder(t), ["a.nii", "b.nii", "c.nii"], "id,label\na,0\nb,\nghost,1\n");
  assert.equal((await refused(source)).problems.unlabelled.length, 2);
  const { volumes, left } = await makePlan({ source, skipUnlabelled: true });
  assert.deepEqual(
    volumes.map(({ id }) => id),
    ["a"],
  );
  assert.deepEqual(left.map(({ path, reason }) => `${path} ${reason}`).sort(), [
    "b.nii has no label",
    "c.nii has no label",
    "ghost is in the labels file, but not among the volumes",
  ]);
});

test("columns that name a person never reach the index", async (t) => {
  const csv = "id,label,PatientName,patient_birth_date,MRN,site,sex\na,0,DOE^JANE,19500101,77,north,F\n";
  const { volumes } = await makePlan({ source: folderWith(temporaryFolder(t), ["a.nii"], csv) });
  assert.deepEqual(volumes[0]?.extra, { site: "north", sex: "F" });
});

test("NA, nan, None, #N/A, null and ? are missing labels, reported as written; a missing subject is not a subject", async (t) => {
  const missing = ["NA", "nan", "None", "#N/A", "null", "?"];
  const files = [..."abcdefgh"].map((name) => `${name}.nii`);
  const rows = missing.map((text, k) => `${"abcdef"[k]},${text},s${k}`);
  const csv = `id,label,subject\n${rows.join("\n")}\ng,0,NA\nh,1,n/a\n`;
  const source = folderWith(temporaryFolder(t), files, csv);
  const { problems } = await refused(source);
  assert.deepEqual(
    problems.unlabelled,
    missing.map((text, k) => `${"abcdef"[k]}.nii ("${text}")`),
  );
  assert.deepEqual(problems.invalid, []);
  const { volumes, classes } = await makePlan({ source, skipUnlabelled: true });
  assert.deepEqual(
    volumes.map(({ id, subject, label }) => [id, subject, label]),
    [
      ["g", "g", 0],
      ["h", "h", 1],
    ],
  );
  assert.deepEqual(classes, ["0", "1"]);
});

test("Sick and sick are refused, as are names that differ only in spaces or Unicode form; both spellings and lines are named", async (t) => {
  const folder = temporaryFolder(t);
  const source = folderWith(folder, ["a.nii", "b.nii", "c.nii"], "id,label\na,Sick\nb,well\nc,sick\n");
  await assert.rejects(makePlan({ source }), (error: Error) => {
    assert.ok(error instanceof TableError, String(error));
    assert.match(
      error.message,
      /line 4: expected one spelling per class, found "Sick" \(1 rows, first in line 2\) and "sick"/,
    );
    return true;
  });
  for (const [one, other] of [
    ["no finding", "no  finding"],
    ["Ödem", "O\u0308dem"],
  ]) {
    writeFileSync(join(folder, "labels.csv"), `id,label\na,${one}\nb,well\nc,${other}\n`);
    await assert.rejects(makePlan({ source }), /expected one spelling per class/);
  }
});

test("a stray 99 is refused with its row; small gaps, and numbers that have names, are accepted", async (t) => {
  const folder = temporaryFolder(t);
  const source = folderWith(folder, ["a.nii", "b.nii", "c.nii"], "id,label\na,0\nb,1\nc,99\n");
  const { problems } = await refused(source);
  assert.deepEqual(problems.invalid.length, 1);
  assert.match(
    problems.invalid[0] ?? "",
    /^c\.nii: label 99 in line 4 is far from the others; leave the cell empty/,
  );
  writeFileSync(join(folder, "labels.csv"), "id,label,class\na,0,well\nb,1,ill\nc,99,unknown\n");
  assert.equal((await makePlan({ source })).volumes[2]?.label, 99);
  writeFileSync(join(folder, "labels.csv"), "id,label\na,0\nb,1\nc,3\n");
  assert.deepEqual(
    (await makePlan({ source })).volumes.map(({ label }) => label),
    [0, 1, 3],
  );
});

test("numbers that are not class numbers are refused with their rows, whether or not other rows are valid", async (t) => {
  for (const values of [
    ["-1", "-2"],
    ["0.5", "1.5"],
    ["1e3", "-1"],
    ["0,5", "0"],
  ]) {
    const folder = temporaryFolder(t);
    const source = folderWith(folder, ["a.nii", "b.nii"], `id;label\na;${values[0]}\nb;${values[1]}\n`);
    const { problems } = await refused(source);
    assert.match(problems.invalid[0] ?? "", /^a\.nii: label "[-.,e\d]+", expected 0, 1, 2 …$/);
  }
});

test("a column split or part whose values are all parts is the split of the data set; a subject in two parts is refused", async (t) => {
  const folder = temporaryFolder(t);
  const source = folderWith(
    folder,
    ["a.nii", "b.nii", "c.nii"],
    "id,label,Split\na,0,training\nb,1,Valid\nc,1,TEST\n",
  );
  const { volumes } = await makePlan({ source });
  assert.deepEqual(
    volumes.map(({ part }) => part),
    ["train", "val", "test"],
  );
  assert.deepEqual(volumes[0]?.extra, {});
  writeFileSync(join(folder, "labels.csv"), "id,label,subject,part\na,0,s,train\nb,1,s,test\nc,1,r,val\n");
  assert.match(
    (await refused(source)).problems.conflicting.join(),
    /subject s: a\.nii is in train, b\.nii in test/,
  );
  writeFileSync(join(folder, "labels.csv"), "id,label,part\na,0,train\nb,1,\nc,1,test\n");
  assert.match((await refused(source)).problems.invalid.join(), /b\.nii: column part has no part in line 3/);
  // Of the body: no split at all.
  writeFileSync(join(folder, "labels.csv"), "id,label,part\na,0,left\nb,1,right\nc,1,left\n");
  assert.deepEqual(
    (await makePlan({ source })).volumes.map(({ part, extra }) => [part, extra["part"]]),
    [
      [null, "left"],
      [null, "right"],
      [null, "left"],
    ],
  );
});

test("one label under two class names is refused with its row; a missing class name is not a name", async (t) => {
  const folder = temporaryFolder(t);
  const source = folderWith(folder, ["a.nii", "b.nii", "c.nii"], "id,label,class\na,0,X\nb,0,Y\nc,1,Z\n");
  assert.match(
    (await refused(source)).problems.invalid.join(),
    /b\.nii: class "Y" in line 3, but label 0 is also called "X"/,
  );
  writeFileSync(join(folder, "labels.csv"), "id,label,class\na,0,X\nb,0,NA\nc,1,\n");
  assert.deepEqual((await makePlan({ source })).classes, ["X", "1"]);
});

test("usual markers of a missing label are not classes; a class column may name a class unknown", async (t) => {
  const folder = temporaryFolder(t);
  const source = folderWith(folder, ["a.nii", "b.nii", "c.nii"]);
  for (const word of ["-", ".", "#VALUE!", "unknown", "missing", "-1.#IND"]) {
    writeFileSync(join(folder, "labels.csv"), `id,label\na,sick\nb,well\nc,${word}\n`);
    assert.deepEqual((await refused(source)).problems.unlabelled, [`c.nii ("${word}")`]);
  }
  writeFileSync(join(folder, "labels.csv"), "id,label,class\na,0,well\nb,1,unknown\nc,1,unknown\n");
  assert.deepEqual((await makePlan({ source })).classes, ["well", "unknown"]);
  // A character that nobody sees makes no class of its own.
  writeFileSync(join(folder, "labels.csv"), "id,label\na,sick\nb,well\nc,sick\u200b\n");
  await assert.rejects(makePlan({ source }), /expected one spelling per class/);
});

test("one volume in two rows with two parts is refused, and so is a column that mixes parts with other words", async (t) => {
  const folder = temporaryFolder(t);
  const source = folderWith(
    folder,
    ["a.nii", "b.nii", "c.nii"],
    "id,label,part\na,0,train\na,0,test\nb,1,test\nc,1,test\n",
  );
  assert.deepEqual((await refused(source)).problems.conflicting, ["a: lines 2 and 3"]);
  writeFileSync(join(folder, "labels.csv"), "id,label,split\na,0,train\nb,1,test\nc,1,excluded\n");
  await assert.rejects(makePlan({ source }), (error: unknown) => {
    assert.ok(error instanceof TableError);
    assert.match(
      error.message,
      /line 4: split: expected train, val or test, as in 2 other rows, found "excluded"/,
    );
    return true;
  });
});

test("a column label2 is not the label column, whatever its position", async (t) => {
  const folder = temporaryFolder(t);
  const source = folderWith(folder, ["a.nii", "b.nii"], "id,label2,Label\na,7,0\nb,7,1\n");
  assert.deepEqual(
    (await makePlan({ source })).volumes.map(({ label }) => label),
    [0, 1],
  );
  writeFileSync(join(folder, "labels.csv"), "id,label1,label2\na,7,0\nb,7,1\n");
  await assert.rejects(
    makePlan({ source }),
    /expected the columns id or path, and label, found id, label1, label2/,
  );
});

test("dates and identifiers are not class numbers: as labels they are names, in folder names they have no meaning", async (t) => {
  const folder = temporaryFolder(t);
  const source = folderWith(folder, ["ct_20200115/a.nii", "CT-1/b.nii"], "id,label\na,0\nb,1\n");
  assert.deepEqual((await makePlan({ source })).volumes.map(({ label }) => label).sort(), [0, 1]);
  const other = folderWith(temporaryFolder(t), ["a.nii", "b.nii"], "id,label\na,v20200101\nb,v99999999999\n");
  assert.deepEqual((await makePlan({ source: other })).classes, ["v20200101", "v99999999999"]);
});
