/** Audits of data sets that were spoilt on purpose: each fault is found, and a clean set has none. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "@slicestack/stats";
import { makeSplit } from "../../src/data/split/holdout.js";
import { sealed } from "../../src/data/split/split.js";
import { acquisitionAuc } from "../../src/audit/acquisition.js";
import { auditOf } from "../../src/audit/audit.js";
import type { VolumeFacts } from "../../src/audit/volume-facts.js";
import { fingerprintOf } from "../../src/audit/fingerprint.js";
import { findOutliers } from "../../src/audit/outliers.js";
import { auditPage } from "../../src/audit/audit-page.js";
import { auditText } from "../../src/audit/audit-text.js";
import { fakeDataset } from "../data/fake-dataset.js";

function randomFacts(random: Random): VolumeFacts {
  const thumbnail = Float32Array.from({ length: 2048 }, () => random.normal());
  const mean = -400 + 20 * random.normal();
  return {
    mean,
    standardDeviation: 300,
    least: -1000,
    p1: -990,
    p50: mean,
    p99: 300,
    most: 900,
    thumbnail,
    fingerprint: fingerprintOf(thumbnail),
  };
}

/** 120 subjects of two classes whose acquisition says nothing of the label. */
function cleanSet(seed = 1) {
  const random = new Random(seed);
  const dataset = fakeDataset(
    Array.from({ length: 120 }, (_, i): [string, string, number] => [`v${i}`, `s${i}`, i % 2]),
  );
  dataset.volumes.forEach((volume, i) => {
    volume.voxelSha256 = `hash ${i}`;
    volume.original.shape = [512, 512, random.integer(30, 60)];
    volume.original.spacing = [random.uniform(0.6, 0.9), 0.7, random.pick([5, 8])];
    volume.extra = { site: random.pick(["north", "south", "west"]), sex: i % 2 ? "F" : "M" };
  });
  return { dataset, facts: dataset.volumes.map(() => randomFacts(random)), random };
}

const settings = { columns: [], seed: 0 };
const texts = (findings: readonly { severity: string; text: string }[]) =>
  findings.map(({ severity, text }) => `${severity}: ${text}`);

test("a clean set: no error, no warning; text and page say so", () => {
  const { dataset, facts } = cleanSet();
  const audit = auditOf(dataset, makeSplit(dataset, { seed: 1 }), null, facts, settings);
  assert.deepEqual(texts(audit.findings), []);
  assert.match(auditText(audit), /No problems were found in this data set/);
  const page = auditPage({ ...audit, dataset: { ...audit.dataset, directory: "/home/somebody/data" } }, null);
  assert.match(page, /No problems were found in this data set/);
  assert.ok(
    !page.includes("/home/somebody"),
    "a page that is passed on says nothing of the disk it was made on",
  );
  assert.match(page, new RegExp(`Made by Slicestack from the data set ${audit.dataset.name}\\.`));
  assert.deepEqual(
    audit.balance.map(({ subjects, parts }) => [subjects, parts?.train]),
    [
      [60, 36],
      [60, 36],
    ],
  );
});

test("one scan in train and in test under two names is an error, with both names; nearly the same scan too", () => {
  const { dataset, facts, random } = cleanSet();
  const split = makeSplit(dataset, { seed: 1 });
  const [a, b] = [split.parts.train[0]!, split.parts.test[0]!];
  const at = (id: string) => dataset.volumes.findIndex((volume) => volume.id === id);
  dataset.volumes[at(b)]!.voxelSha256 = dataset.volumes[at(a)]!.voxelSha256;
  const [c, d] = [split.parts.train[1]!, split.parts.val[0]!];
  const thumbnail = facts[at(c)]!.thumbnail.map((value) => value + 0.02 * random.normal());
  facts[at(d)] = { ...facts[at(d)]!, thumbnail, fingerprint: fingerprintOf(thumbnail) };
  const { findings, duplicates } = auditOf(dataset, split, null, facts, settings);
  const [first] = findings;
  assert.equal(first?.severity, "error");
  assert.match(first?.text ?? "", /^2 pairs of identical or nearly identical volumes are in two parts/);
  for (const id of [a, b, c, d]) assert.ok(first?.text.includes(id), id);
  assert.deepEqual(
    duplicates.pairs.map(({ kind }) => kind),
    ["identical", "near"],
  );
});

test("one scan with two labels is an error; two subjects with one scan in one part are a warning", () => {
  const { dataset, facts } = cleanSet();
  const split = makeSplit(dataset, { seed: 1 });
  const ofLabel = (label: number) =>
    split.parts.train.filter((id) => dataset.volumes.find((volume) => volume.id === id)?.label === label);
  const copy = (from: string, to: string) => {
    const hash = dataset.volumes.find(({ id }) => id === from)!.voxelSha256;
    dataset.volumes.find(({ id }) => id === to)!.voxelSha256 = hash;
  };
  copy(ofLabel(0)[0]!, ofLabel(1)[0]!);
  copy(ofLabel(0)[1]!, ofLabel(0)[2]!);
  const found = texts(auditOf(dataset, split, null, facts, settings).findings);
  assert.match(found[0] ?? "", /^error: 1 pair of identical volumes has two labels/);
  assert.match(found[1] ?? "", /^warning: 1 pair of identical volumes belongs to different subjects/);
});

test("a label that the site gives away is named with its AUROC; sex, which is no acquisition, only where it is asked for", () => {
  const { dataset, facts, random } = cleanSet();
  for (const volume of dataset.volumes)
    volume.extra["site"] = random.chance(0.85) ? ["north", "south"][volume.label]! : "west";
  const { findings, acquisition } = auditOf(dataset, null, null, facts, settings);
  assert.match(texts(findings).join("\n"), /warning: site alone predicts the label: AUROC 0\.9\d/);
  assert.ok(!acquisition.some(({ name }) => name === "sex"));
  const asked = acquisitionAuc(dataset, { columns: ["sex"] });
  assert.ok(asked.find(({ name }) => name === "sex")!.auroc.value > 0.99);
});

test("slice spacing that goes with the label is found as a number, and all together is at least as telling", () => {
  const { dataset } = cleanSet();
  for (const volume of dataset.volumes) volume.original.spacing[2] = volume.label === 0 ? 5 : 5.5;
  const found = acquisitionAuc(dataset);
  const spacing = found.find(({ name }) => name === "slice spacing")!;
  assert.ok(spacing.suspicious && spacing.auroc.value > 0.99);
  assert.ok(found.find(({ name }) => name === "all together")!.auroc.value > 0.9);
  assert.ok(!found.find(({ name }) => name === "pixel spacing")!.suspicious);
});

test("cross-validation is by subject: a number that tells subjects apart, each with four volumes, predicts nothing", () => {
  const random = new Random(3);
  const dataset = fakeDataset(
    Array.from({ length: 160 }, (_, i): [string, string, number] => [`v${i}`, `s${i >> 2}`, (i >> 2) % 2]),
  );
  const ofSubject = Array.from({ length: 40 }, () => random.uniform(0.5, 1));
  dataset.volumes.forEach((volume, i) => (volume.original.spacing = [ofSubject[i >> 2]!, 1, 1]));
  const [spacing] = acquisitionAuc(dataset).filter(({ name }) => name === "pixel spacing");
  assert.ok(Math.abs(spacing!.auroc.value - 0.5) < 0.2 && !spacing!.suspicious, String(spacing!.auroc.value));
});

test("one blank among 120 numbers, or a word, takes nothing from the check: the column still gives the label away", () => {
  const { dataset, facts } = cleanSet();
  for (const word of ["", "n/a", "unknown", "<100"]) {
    dataset.volumes.forEach(
      (volume, i) => (volume.extra["dose"] = i === 20 ? word : String(100 + 200 * volume.label + i)),
    );
    const { findings, acquisition } = auditOf(dataset, null, null, facts, settings);
    const dose = acquisition.find(({ name }) => name === "dose")!;
    assert.ok(dose.suspicious && dose.auroc.value > 0.98, `${word}: ${dose.auroc.value}`);
    assert.equal(dose.missing, 1);
    assert.ok(texts(findings).some((text) => text.startsWith("note: dose is missing for 1 of 120 volumes")));
  }
});

test("that a number is missing is a fact, too; a column of many words keeps its commonest", () => {
  const { dataset } = cleanSet();
  dataset.volumes.forEach((volume, i) => {
    volume.extra["kvp"] = volume.label === 1 ? "" : "120";
    volume.extra["station"] = volume.label === 1 && i % 3 > 0 ? "CT7" : `station ${i}`;
  });
  const found = acquisitionAuc(dataset);
  for (const name of ["kvp", "station"]) assert.ok(found.find((one) => one.name === name)!.suspicious, name);
  assert.throws(
    () => acquisitionAuc(dataset, { columns: ["dosis"] }),
    /columns of subjects\.csv \(.*station.*received.*dosis/,
  );
});

test("facts that say nothing read 0.50, and are not called telling (simulation)", () => {
  let [sum, count, called] = [0, 0, 0];
  for (let seed = 1; seed <= 20; seed++) {
    const random = new Random(seed);
    const dataset = fakeDataset(
      Array.from({ length: 60 }, (_, i): [string, string, number] => [`v${i}`, `s${i}`, Number(i < 21)]),
    );
    for (const volume of dataset.volumes) {
      volume.original.spacing = [random.uniform(0.6, 0.9), 1, 1];
      volume.extra = { scanner: random.pick(["A", "B"]) };
    }
    for (const { auroc, suspicious } of acquisitionAuc(dataset)) {
      sum += auroc.value;
      count++;
      if (suspicious) called++;
    }
  }
  assert.ok(Math.abs(sum / count - 0.5) < 0.03, `mean ${sum / count} of ${count}`);
  assert.ok(called <= 0.05 * count, `${called} of ${count}`);
});

test("outliers: a volume in another unit, one with ten times the slices, and none among ordinary ones", () => {
  const { dataset, facts } = cleanSet();
  assert.deepEqual(findOutliers(dataset.volumes, facts), []);
  facts[7] = { ...facts[7]!, mean: 600, p50: 600 };
  dataset.volumes[9]!.original.shape = [512, 512, 480];
  const found = findOutliers(dataset.volumes, facts);
  assert.deepEqual(new Set(found.map(({ id }) => id)), new Set(["v7", "v9"]));
  assert.equal(
    found[0]?.what.startsWith("slice count") ||
      found[0]?.what === "mean" ||
      found[0]?.what === "median" ||
      found[0]?.what.startsWith("length"),
    true,
  );
  // A field that nearly all share: its few others are judged by the mean deviation.
  dataset.volumes.forEach((volume, i) => (volume.original.spacing[2] = i === 3 ? 40 : 5));
  assert.ok(
    findOutliers(dataset.volumes, facts).some(
      ({ id, what }) => id === "v3" && what.startsWith("slice spacing"),
    ),
  );
});

test("a split that does not hold, classes of two subjects and quarantined volumes are told", () => {
  const dataset = fakeDataset(
    Array.from({ length: 30 }, (_, i): [string, string, number] => [`v${i}`, `s${i}`, i < 28 ? 0 : 1]),
  );
  dataset.volumes.forEach((volume, i) => (volume.voxelSha256 = `${i}`));
  dataset.info.quarantined = [{ source: "x", reason: "damaged" }];
  const random = new Random(1);
  const facts = dataset.volumes.map(() => randomFacts(random));
  const split = sealed(dataset, {
    seed: 0,
    group: undefined,
    parts: { train: ["v0"], val: [], test: [] },
    warnings: ["all is odd"],
  });
  const found = texts(auditOf(dataset, split, "split: v1 appears twice", facts, settings).findings);
  assert.match(found[0] ?? "", /^error: The split is invalid: split: v1 appears twice/);
  assert.ok(found.some((text) => text.startsWith("warning: Class class_1 has 2 subjects")));
  assert.ok(found.some((text) => text === "note: Split: all is odd."));
  assert.ok(found.some((text) => text.startsWith("note: 1 volumes were quarantined")));
});

test("columns are known by the names that DICOM and prepare give them; one that nothing can be told of is said", () => {
  const { dataset, facts } = cleanSet();
  dataset.volumes.forEach((volume, i) => {
    volume.extra["lossy"] = volume.label === 1 ? "yes" : "no";
    volume.extra["ConvolutionKernel"] = volume.label === 1 ? "B70f" : "B30f";
    volume.extra["gaps_filled"] = String(volume.label);
    volume.extra["CTDIvol (mGy)"] = `${(5 + i / 100).toFixed(2)} mGy`;
  });
  const { findings, acquisition } = auditOf(dataset, null, null, facts, settings);
  for (const name of ["lossy", "ConvolutionKernel", "gaps_filled"])
    assert.ok(acquisition.find((one) => one.name === name)?.suspicious, name);
  assert.match(
    texts(findings).join("\n"),
    /warning: CTDIvol \(mGy\) has a different text for nearly every volume/,
  );
});
