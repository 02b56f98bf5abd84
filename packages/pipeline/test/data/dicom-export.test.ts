/** A hospital's export, made by pydicom (fixtures/dicom/make_export.py): series, choices, refusals, and nobody's name. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { LabelsError } from "../../src/data/errors.js";
import { makePlan } from "../../src/data/prepare/plan.js";
import { prepare } from "../../src/tasks/prepare.js";
import { checkSplit, readSplit } from "../../src/data/split/split.js";
import { makeSplit } from "../../src/data/split/holdout.js";
import type { Progress } from "../../src/engine/progress.js";

const root = join(import.meta.dirname, "../../../../..");
const python = "/usr/bin/python3";
const skip =
  spawnSync(python, ["-c", "import pydicom, numpy"]).status === 0
    ? false
    : "python3-pydicom is not installed";
const folder = mkdtempSync(join(tmpdir(), "slicestack-export-"));
const source = join(folder, "export");
const saltFile = join(folder, "salt");
const settings = {
  source,
  saltFile,
  size: [8, 8] as [number, number],
  depth: "native" as const,
  series: "thinnest",
};

before(() => {
  if (skip !== false) return;
  const made = spawnSync(python, [join(root, "fixtures/dicom/make_export.py"), source], { encoding: "utf8" });
  assert.equal(made.status, 0, made.stderr);
  writeFileSync(saltFile, "a secret of sixteen or more\n");
});
after(() => rmSync(folder, { recursive: true }));

function labels(text: string): string {
  const file = join(
    folder,
    `labels-${Math.abs([...text].reduce((sum, c) => (sum * 31 + c.charCodeAt(0)) | 0, 7))}.csv`,
  );
  writeFileSync(file, text);
  return file;
}

const byPatient = "PatientID,label,ward\n4711,0,A\n4712,1,B\n4713,1,B\n";

test(
  "labels by PatientID: one series per study, the thinnest first; omitted series are listed",
  { skip },
  async () => {
    const { volumes, left } = await makePlan({ ...settings, labels: labels(byPatient), keepIds: true });
    assert.deepEqual(
      volumes.map(({ subject, label, series, extra }) => [
        subject,
        label,
        series?.description,
        series?.slices,
        extra["ward"],
      ]),
      [
        ["4711", 0, "Lung 2.0 B70f", 20, "A"],
        ["4712", 1, "Chest 5.0 B30f", 7, "B"],
        ["4712", 1, "Chest 5.0 B30f", 6, "B"],
        ["4713", 1, "Chest 5.0 B30f", 5, "B"],
      ],
    );
    const reasons = left.map(({ path, reason }) => `${path}: ${reason}`).join("\n");
    assert.match(
      reasons,
      /DICOM\/AA\/01 .*series "Chest 5\.0 B30f", 8 slices at 5 mm: series "Lung 2\.0 B70f", 20 slices at 2 mm was chosen for its study/,
    );
    assert.match(reasons, /DICOM\/AA\/03\/0000: .*localizer/i);
    assert.match(reasons, /DICOM\/BB\/07\/0000: /);
    assert.match(reasons, /DICOM\/README: /);
  },
);

test(
  "a study with several series is refused until one is chosen: by description, by UID",
  { skip },
  async () => {
    const { series: _series, ...open } = settings;
    await assert.rejects(
      makePlan({ ...open, labels: labels(byPatient) }),
      (error) =>
        error instanceof LabelsError &&
        error.problems.severalSeries.length === 1 &&
        /: pass --series .* UID \(.*8 slices at 5 mm, series "Lung 2\.0 B70f", 20 slices at 2 mm\)$/.test(
          error.problems.severalSeries[0]!,
        ),
    );
    const chosen = async (series: string) =>
      (await makePlan({ ...open, series, labels: labels(byPatient) })).volumes[0]?.series?.slices;
    assert.equal(await chosen("^chest"), 8);
    assert.equal(await chosen("lung|thorax"), 20);
    await assert.rejects(chosen("bone"), /none matches --series bone/);
    const byUid = labels("series_uid,label\n1.2.826.0.1.3680043.8.498.7.1.1,0\n");
    const { volumes } = await makePlan({ ...open, labels: byUid, skipUnlabelled: true });
    assert.deepEqual(
      volumes.map(({ series }) => series?.slices),
      [8],
    );
  },
);

test(
  "labels by accession number, study UID and folder name the same studies; an id that matches nothing is listed",
  { skip },
  async () => {
    const studies = async (text: string) =>
      (await makePlan({ ...settings, labels: labels(text), skipUnlabelled: true })).volumes.map(
        ({ series, label }) => `${series?.slices} ${label}`,
      );
    const expected = ["20 0", "7 1"];
    assert.deepEqual(await studies("AccessionNumber,label\nA1,0\nA2,1\n"), expected);
    assert.deepEqual(await studies("StudyInstanceUID,label\n1.2.826.0.1.3680043.8.498.7.1,0\n1.2.826.0.1.3680043.8.498.7.2,1\n"), expected); // prettier-ignore
    assert.deepEqual(await studies("path,label\nDICOM/AA,0\nDICOM/BB/01,1\n"), expected);
    await assert.rejects(
      makePlan({ ...settings, labels: labels("PatientID,label\n4711,0\n4712,1\n4713,1\n9,1\n") }),
      /1 matches no volume \(9\)/,
    );
  },
);

test(
  "prepared: a series with a gap is quarantined with its position, the rest is prepared; with allowGaps the gap is filled and recorded",
  { skip },
  async () => {
    const set = await prepare({ ...settings, labels: labels(byPatient), destination: join(folder, "set") });
    assert.deepEqual(
      set.volumes.map(({ count, unit }) => `${count} ${unit}`),
      ["20 HU", "7 HU", "6 HU"],
    );
    const [gap] = set.info.quarantined ?? [];
    assert.match(gap?.reason ?? "", /slice.*missing/);
    const [first] = set.volumes;
    assert.deepEqual(
      [first?.geometry.spacing, first?.original.shape],
      [
        [1, 1.5, 2],
        [8, 8, 20],
      ],
    );
    assert.deepEqual(
      [
        first?.extra["site"],
        first?.extra["model"],
        first?.extra["kernel"],
        first?.extra["kvp"],
        first?.extra["ward"],
      ],
      ["North Hospital", "Ring 2", "B70f", "120", "A"],
    );
    const filled = await prepare({
      ...settings,
      labels: labels(byPatient),
      allowGaps: true,
      destination: join(folder, "filled"),
    });
    assert.deepEqual(
      filled.volumes.map(({ count, extra }) => `${count} ${extra["gaps_filled"]}`),
      ["20 0", "7 0", "6 0", "6 1"],
    );
  },
);

test("HU equal pydicom's, slice by slice from the feet up", { skip }, async () => {
  const set = await prepare({ ...settings, labels: labels(byPatient), destination: join(folder, "hu") });
  const code = `
import sys, pydicom, numpy as np
from pathlib import Path
files = [pydicom.dcmread(p) for p in Path(sys.argv[1], "DICOM/AA/02").iterdir()]
files.sort(key=lambda d: d.ImagePositionPatient[2])
hu = np.stack([d.pixel_array.astype(np.int16) * int(d.RescaleSlope) + int(d.RescaleIntercept) for d in files])
ours = np.load(sys.argv[2] + "/slices.npy", mmap_mode="r")[:20]
print(np.array_equal(ours, hu))`;
  const { stdout, stderr } = spawnSync(python, ["-c", code, source, set.directory], { encoding: "utf8" });
  assert.equal(stdout.trim(), "True", stderr);
});

test(
  "no name, birth date, address, PatientID or UID reaches the data set, its messages or its errors' index",
  { skip },
  async () => {
    const destination = join(folder, "private");
    const messages: string[] = [];
    const onProgress = ({ message = "" }: Progress) => messages.push(message);
    const { left } = await prepare({ ...settings, labels: labels(byPatient), destination, onProgress });
    const split = makeSplit((await import("../../src/data/store.js")).openDataset(destination), {
      seed: 1,
      fractions: [0.5, 0, 0.5],
    });
    const held = readdirSync(destination).map((name) => readFileSync(join(destination, name), "latin1"));
    const secrets =
      /Doe|Jane|Roe|Richard|Poe|Edgar|House|19500102|Secret|471[123]|1\.2\.826|20200315|\bA[1234]\b/;
    for (const text of [...held, JSON.stringify(split)]) assert.doesNotMatch(text, secrets);
    assert.doesNotMatch(
      [...messages, ...left.map(({ reason }) => reason)].join("\n"),
      /Doe|Jane|19500102|Secret|House/,
    );
  },
);

test(
  "the same patient has the same hash in two data sets with one salt, and a different hash with another salt; --keep-ids keeps the id",
  { skip },
  async () => {
    const subjects = async (options: object) =>
      (await makePlan({ ...settings, labels: labels(byPatient), ...options })).volumes.map(
        ({ subject }) => subject,
      );
    const one = await subjects({});
    assert.deepEqual(await subjects({ series: "chest" }), one);
    assert.equal(one[1], one[2], "two studies of one patient");
    assert.equal(new Set(one).size, 3);
    const other = join(folder, "other-salt");
    writeFileSync(other, "quite another secret");
    assert.equal((await subjects({ saltFile: other })).filter((subject) => one.includes(subject)).length, 0);
    assert.deepEqual(await subjects({ keepIds: true }), ["4711", "4712", "4712", "4713"]);
  },
);

test("the same series in a zip: the same volumes", { skip }, async () => {
  const archive = join(folder, "zipped", "export.zip");
  const zip = spawnSync(python, [
    "-c",
    "import shutil, sys, os; os.makedirs(os.path.dirname(sys.argv[2])); shutil.make_archive(sys.argv[2][:-4], 'zip', sys.argv[1])",
    source,
    archive,
  ]);
  assert.equal(zip.status, 0);
  const [plain, zipped] = [join(folder, "plain-set"), join(folder, "zip-set")];
  const a = await prepare({ ...settings, labels: labels(byPatient), destination: plain });
  for (const from of [join(folder, "zipped"), archive]) {
    const b = await prepare({
      ...settings,
      source: from,
      labels: labels(byPatient),
      destination: zipped,
      overwrite: true,
    });
    assert.deepEqual(
      b.volumes.map(({ voxelSha256 }) => voxelSha256).sort(),
      a.volumes.map(({ voxelSha256 }) => voxelSha256).sort(),
    );
  }
  checkSplit(makeSplit(a, { seed: 1, fractions: [0.5, 0, 0.5] }), a);
  assert.throws(() => readSplit(join(plain, "split.json")), /ENOENT/);
});
