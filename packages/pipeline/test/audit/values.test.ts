/** The audit sees what the values alone give away, and what can hardly be HU. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "@slicestack/stats";
import { auditOf } from "../../src/audit/audit.js";
import type { VolumeFacts } from "../../src/audit/volume-facts.js";
import { fingerprintOf } from "../../src/audit/fingerprint.js";
import { auditPage } from "../../src/audit/audit-page.js";
import { auditText } from "../../src/audit/audit-text.js";
import { fakeDataset } from "../data/fake-dataset.js";

/** 60 subjects of two classes; `shift` HU are added to every value of class 1. */
function scans(shift: number, ofMean = shift) {
  const random = new Random(4);
  const dataset = fakeDataset(Array.from({ length: 60 }, (_, i) => [`v${i}`, `s${i}`, i % 2]));
  const facts = dataset.volumes.map((volume, i): VolumeFacts => {
    volume.voxelSha256 = `hash ${i}`;
    const [own, ownMean] = volume.label === 1 ? [shift, ofMean] : [0, 0];
    const thumbnail = Float32Array.from({ length: 2048 }, () => random.normal());
    return {
      ...{ mean: -400 + 20 * random.normal() + ownMean, standardDeviation: 300 },
      ...{ least: -1020 + 3 * random.normal() + own, p1: -995 + 3 * random.normal() + own },
      ...{ p50: -500 + 20 * random.normal() + ownMean, p99: 300 + own, most: 1200 + 100 * random.normal() },
      ...{ thumbnail, fingerprint: fingerprintOf(thumbnail) },
    };
  });
  const audit = auditOf(dataset, null, null, facts, { columns: [], seed: 0 });
  return {
    dataset,
    audit,
    warnings: audit.findings.filter(({ severity }) => severity === "warning").map(({ text }) => text),
  };
}

test("a lost intercept in one class: air alone predicts the label, the volumes are no HU, and page and text show both classes", () => {
  const { audit, warnings } = scans(1024);
  assert.match(
    warnings.join("\n"),
    /Single numbers of the values predict the label: smallest value \(AUROC 1\.00/,
  );
  assert.match(
    warnings.join("\n"),
    /30 volumes \(such as v1\) do not look like HU: .*intercept.*; 30 of 30 of class class_1\. If a scan/,
  );
  const [first, second] = audit.values.classes;
  assert.ok(Math.abs(second!.least - first!.least - 1024) < 5);
  assert.match(auditText(audit), /class +smallest +1st percentile +mean/);
  assert.match(auditPage(audit, null), /predicts the label/);
});

test("air that differs by 10 HU between classes is enough; scans of one kind have no such warning", () => {
  assert.match(
    scans(10).warnings.join("\n"),
    /Single numbers of the values predict the label: smallest value/,
  );
  assert.deepEqual(scans(0).warnings, []);
});

test("disease makes lungs denser: a mean that tells some of the label is a number of the table and no warning", () => {
  const { audit, warnings } = scans(0, 15);
  const mean = audit.values.auroc.find(({ name }) => name === "mean")!;
  assert.ok(mean.auroc.value > 0.6 && mean.auroc.value < 0.95, String(mean.auroc.value));
  assert.deepEqual(warnings, []);
});

test("a file that contradicts itself on its geometry is a warning with what was taken", () => {
  const { dataset } = scans(0);
  dataset.volumes[3]!.extra["geometry_notes"] =
    "the sform has voxels of 1 x 1 x 2, pixdim of 1 x 1 x 1: the sform was taken";
  const audit = auditOf(dataset, null, null, factsOf(dataset.volumes.length), { columns: [], seed: 0 });
  assert.match(
    audit.findings.map(({ text }) => text).join("\n"),
    /1 volume has a file with contradictory geometry .* such as v3: the sform has voxels/,
  );
});

test("a region without air that was cut out of a scan is not doubted where prepare did not doubt the scan", () => {
  const { dataset } = scans(0);
  const noAir = factsOf(60).map((facts) => ({ ...facts, least: -100, p1: -90, p50: 40 }));
  const doubts = () => auditOf(dataset, null, null, noAir, { columns: [], seed: 0 }).values.doubts;
  assert.match(doubts().join(), /60 volumes .* do not look like HU/);
  for (const volume of dataset.volumes) volume.crop = [0, 1, 0, 1, 0, 1];
  assert.deepEqual(doubts(), []);
});

function factsOf(count: number): VolumeFacts[] {
  const random = new Random(5);
  return Array.from({ length: count }, () => {
    const thumbnail = Float32Array.from({ length: 2048 }, () => random.normal());
    const values = {
      mean: -400,
      standardDeviation: 300,
      least: -1000,
      p1: -990,
      p50: -500,
      p99: 300,
      most: 900,
    };
    return { ...values, thumbnail, fingerprint: fingerprintOf(thumbnail) };
  });
}
