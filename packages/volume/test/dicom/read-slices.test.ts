/** Slices one by one hold the values of the volume, and stay where their files are. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  DicomSeriesError,
  readDicomSeries,
  readDicomSlices,
  scanDicom,
  type DicomSeries,
} from "../../src/index.js";
import { caseOf, cases, sourcesOf } from "./cases.js";

async function seriesOf(name: string): Promise<DicomSeries> {
  const one = caseOf(name);
  return (await scanDicom(sourcesOf(one), one.scan_options)).series[0]!;
}

test("in every case that is read as it is, the slices are those of the volume", async () => {
  let compared = 0;
  for (const one of cases) {
    if (!one.volume || one.set_aside || one.series || Object.keys(one.options ?? {}).length > 0) continue;
    const [series] = (await scanDicom(sourcesOf(one), one.scan_options)).series;
    const volume = await readDicomSeries(series!, one.options);
    if (volume.facts.tilt !== undefined || volume.facts.filled.length > 0) continue;
    const voxels = series!.rows * series!.columns;
    for await (const { data, place } of readDicomSlices(series!))
      assert.deepEqual([...data], [...volume.data.subarray(place * voxels, (place + 1) * voxels)], one.name);
    compared++;
  }
  assert.ok(compared > 20, `${compared} cases`);
});

test("a tilted series is not sheared, a gap is not filled", async () => {
  const tilted = await seriesOf("tilt");
  const sizes = new Set<number>();
  for await (const { data } of readDicomSlices(tilted)) sizes.add(data.length);
  assert.deepEqual([...sizes], [tilted.rows * tilted.columns]);
});

test("slices without a common geometry are refused", async () => {
  const mixed = cases.find(({ about }) => about === "two pixel sizes")!;
  const [series] = (await scanDicom(sourcesOf(mixed))).series;
  await assert.rejects(readDicomSlices(series!).next(), DicomSeriesError);
});
