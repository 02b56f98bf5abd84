/** Table 1 and the flow diagram, by hand. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { flowFigure, type Flow } from "../../src/report/figures/flow.js";
import { participantsOf } from "../../src/report/participants.js";
import { subgroupColumns, type SubjectTable } from "../../src/evaluate/subject-table.js";

function tableOf(rows: Record<string, Record<string, string>>): SubjectTable {
  const columns = ["id", ...new Set(Object.values(rows).flatMap((row) => Object.keys(row)))];
  return { file: "subjects.csv", columns, rows: new Map(Object.entries(rows)) };
}

test("each subject counts once; numbers as median and quartiles, levels with their share, missing values apart", () => {
  const ages = ["40", "50", "60", "70", "80", "90", "30"];
  const rows = Object.fromEntries(
    ages.map((age, k) => [`v${k}`, { age, sex: k % 3 === 0 ? "F" : "M", site: k === 1 ? "" : "A" }]),
  );
  const table = tableOf({ ...rows, again: { age: "40", sex: "F", site: "A" } });
  const of = (ids: string[]) => ids.map((id) => ({ id, subject: id === "again" ? "v0" : id }));
  const found = participantsOf([
    { name: "train", volumes: of(["v0", "again", "v1", "v2", "v3", "v4"]), table },
    { name: "val", volumes: [], table },
    { name: "test", volumes: of(["v5", "v6"]), table },
  ]);
  assert.deepEqual(found, {
    columns: ["", "train (n = 5)", "test (n = 2)"],
    rows: [
      ["age, median [quartiles]", "60 [50, 70]", "60 [45, 75]"],
      ["sex: F", "2 (40 %)", "1 (50 %)"],
      ["sex: M", "3 (60 %)", "1 (50 %)"],
      ["site: A", "4 (80 %)", "2 (100 %)"],
      ["site, missing", "1 (20 %)", "0 (0 %)"],
    ],
  });
});

test("a labels file that says nothing of subjects gives no table", () => {
  const table = tableOf({ a: { note: "x" } });
  assert.equal(participantsOf([{ name: "train", volumes: [{ id: "a", subject: "a" }], table }]), null);
});

test("the flow diagram says every number in its text alternative, and keeps names text", () => {
  const part = (name: string, volumes: number) => ({
    part: name,
    subjects: volumes,
    volumes,
    byClass: [{ subjects: volumes, volumes }],
  });
  const flow: Flow = {
    read: 23,
    refused: 3,
    dataset: { name: "<b>set</b>", volumes: 20, subjects: 19 },
    leftOut: [{ reason: "no class of this task", volumes: 2 }],
    parts: [part("train", 11), part("val", 3), part("test", 4)],
    classes: ["ill"],
    external: part("other, external", 7),
  };
  const { svg, caption } = flowFigure(flow);
  assert.ok(!svg.includes("<b>"));
  const description = /<desc[^>]*>([^<]*)</.exec(svg)![1]!;
  for (const text of [
    "23 volumes",
    "3 sources",
    "20 volumes of 19 subjects",
    "2 volumes: no class of this task",
    "train, 11 subjects, 11 volumes, ill: 11",
    "other, external, 7 subjects",
  ])
    assert.ok(description.includes(text), text);
  assert.match(caption, /dashed box is the data set that this report scores/);
  assert.equal(flowFigure({ ...flow, refused: 0, leftOut: [] }).svg.split("<rect").length - 1, 2 + 4);
});

test("a word for a missing value is no level, and takes nothing from the numbers of the others", () => {
  const ages = ["40", "50", "60", "70", "80", "90", "30", "NA", "-"];
  const table = tableOf(
    Object.fromEntries(ages.map((age, k) => [`v${k}`, { PatientAge: age, sex: k < 8 ? "F" : "unknown" }])),
  );
  const volumes = ages.map((_, k) => ({ id: `v${k}`, subject: `s${k}` }));
  assert.deepEqual(participantsOf([{ name: "all", volumes, table }])?.rows, [
    ["PatientAge, median [quartiles]", "60 [45, 75]"],
    ["PatientAge, missing", "2 (22 %)"],
    ["sex: F", "8 (89 %)"],
    ["sex, missing", "1 (11 %)"],
  ]);
});

test("a usual column of too many words is left out of the subgroups, and that is said", () => {
  const rows = Array.from(
    { length: 60 },
    (_, k) => [`v${k}`, { Site: `clinic ${k % 25}`, scanner_model: "abc"[k % 3]!, site_id: "A" }] as const,
  );
  const table = tableOf(Object.fromEntries(rows));
  const volumes = rows.map(([id]) => ({ id }));
  const { columns, notes } = subgroupColumns(table, volumes, undefined);
  assert.deepEqual(columns, []);
  assert.deepEqual(notes, [
    "Subgroups by Site are left out: column Site: expected at most 20 groups, received 25 different values. Merge its values in a new column of the labels file, and pass that column to --subgroup.",
  ]);
  assert.equal(subgroupColumns(table, volumes, ["scanner_model"]).columns[0]?.groups.length, 3);
  assert.throws(() => subgroupColumns(table, volumes, ["Site"]), /at most 20 groups/);
});
