import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  affineMatrix,
  assertVolume,
  DicomSeriesError,
  readDicomSeries,
  scanDicom,
  type DicomSeries,
  type ReadDicomOptions,
} from "../../src/index.js";
import { dicomFiles } from "../../src/node.js";
import { assertClose } from "../fixtures.js";
import { root, sharedData } from "./cases.js";

/** A line of fixtures/dicom/real.json, made by make_real.py beside it. */
interface RealFact {
  path: string;
  options?: ReadDicomOptions;
  dtype?: "int16" | "float32";
  shape?: number[];
  affine?: number[];
  sha256?: string;
  tilt?: number;
  error?: string;
  set_aside?: string[];
}

const facts = JSON.parse(readFileSync(join(root, "fixtures/dicom/real.json"), "utf8")) as RealFact[];
const skip = existsSync(join(sharedData, "dicom_variants")) ? false : "no real DICOM files at ../shared/data";

for (const fact of facts) {
  const what = fact.error ?? (fact.set_aside ? "set aside" : "every HU and the affine as pydicom's");
  test(
    `real DICOM ${fact.path.split("/").slice(-2).join("/")}: ${what} (fixtures/dicom/make_real.py)`,
    { skip },
    async () => {
      const scan = await scanDicom(dicomFiles(join(sharedData, fact.path)));
      assert.deepEqual(
        scan.setAside.map(({ code }) => code),
        fact.set_aside ?? [],
      );
      if (fact.set_aside !== undefined) return;
      assert.equal(scan.series.length, 1);
      const reading = readDicomSeries(scan.series[0] as DicomSeries, fact.options);
      if (fact.error !== undefined) {
        return assert.rejects(
          reading,
          (error) => error instanceof DicomSeriesError && error.code === fact.error,
        );
      }
      const volume = await reading;
      assertVolume(volume);
      assert.deepEqual(volume.shape, fact.shape);
      assert.equal(volume.data.constructor.name.toLowerCase(), `${fact.dtype}array`);
      const { buffer, byteOffset, byteLength } = volume.data;
      const sha256 = createHash("sha256")
        .update(new Uint8Array(buffer, byteOffset, byteLength))
        .digest("hex");
      assert.equal(sha256, fact.sha256);
      assertClose(affineMatrix(volume), fact.affine as number[], 1e-5, "affine");
      assertClose([volume.facts.tilt?.degrees ?? 0], [fact.tilt ?? 0], 1e-3, "tilt");
    },
  );
}
