/** Two acquisitions over the same positions, under one SeriesInstanceUID (fixtures/dicom/make_series.py): each is a choice. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openDataset } from "../../src/data/store.js";
import { compareWithSource } from "../../src/inspect/compare.js";
import { identityOf } from "../../src/inspect/identity.js";
import { findScans } from "../../src/scan/find-scans.js";
import { inspect } from "../../src/tasks/inspect.js";
import { prepare } from "../../src/tasks/prepare.js";
import { writeDicom } from "../inspect/support.js";
import { temporaryFolder } from "./temporary.js";

test("prepare asks which acquisition of a series to take, and takes the one that was named", async (t) => {
  const folder = temporaryFolder(t);
  const source = join(folder, "export");
  writeDicom(join(source, "a"), "acquisitions");
  writeDicom(join(source, "b"), "explicit", { study: 3, patient: "P2" });
  const [labels, saltFile] = [join(folder, "labels.csv"), join(folder, "salt")];
  writeFileSync(labels, "PatientID,label\nP1,0\nP2,1\n");
  writeFileSync(saltFile, "a secret of sixteen or more\n");
  const set = (name: string, series?: string) =>
    prepare({
      ...{ source, labels, saltFile, depth: "native", destination: join(folder, name) },
      ...(series === undefined ? {} : { series }),
    });
  await assert.rejects(
    set("open"),
    /"Chest, acquisition 1", 3 slices at 2\.5 mm, series "Chest, acquisition 2", 3 slices at 2\.5 mm/,
  );

  const identity = identityOf({ saltFile });
  const dataOf = async (name: string, series: string) => {
    await set(name, series);
    const dataset = openDataset(join(folder, name));
    const record = dataset.volumes.find(({ label }) => label === 0)!;
    const { comparison, prepared } = await compareWithSource(dataset, record, { source, identity });
    assert.ok(comparison.withinRounding && comparison.sameFile, name);
    return [...prepared.data];
  };
  const first = await dataOf("first", "acquisition 1|^chest$");
  assert.deepEqual(await dataOf("thinnest", "thinnest"), first);
  assert.notDeepEqual(await dataOf("second", "acquisition 2|^chest$"), first);
});

test("predict and inspect name both acquisitions of a series", async (t) => {
  const source = temporaryFolder(t);
  writeDicom(source, "acquisitions");
  const { scans } = await findScans([source]);
  assert.deepEqual(
    scans.map(({ id }) => id),
    ["2.25.55-acquisition-1", "2.25.55-acquisition-2"],
  );
  const named = await findScans([source], { series: "2.25.55-acquisition-2" });
  assert.deepEqual(
    named.scans.map(({ id }) => id),
    ["2.25.55-acquisition-2"],
    "by the name that is shown",
  );
  const { look } = await inspect({ path: source });
  assert.ok(look.kind === "source");
  assert.deepEqual(
    look.series.map(({ description, refused }) => [description, refused]),
    [
      ["Chest, acquisition 1", null],
      ["Chest, acquisition 2", null],
    ],
  );
});
