/** Reads a folder of DICOM slices as one HU volume, then resamples it to 128 x 128 x 64; one JSON line. node bench/dicom_read.mjs FOLDER */
import { createHash } from "node:crypto";
import { readDicomSeries, resample, scanDicom } from "../packages/volume/dist/src/index.js";
import { dicomFiles } from "../packages/volume/dist/src/node.js";

const started = performance.now();
const { series } = await scanDicom(dicomFiles(process.argv[2]));
const scanned = performance.now();
const volume = await readDicomSeries(series[0]);
const ended = performance.now();
const { data } = volume;
const { data: prepared } = resample(volume, [128, 128, 64]);
const unit = Float32Array.from(prepared, (hu) => Math.min(1, Math.max(0, (hu + 1000) / 1400)));
const resampled = performance.now();
console.log(
  JSON.stringify({
    seconds: (ended - started) / 1000,
    prepared: (resampled - started) / 1000,
    voxels: unit.length,
    scan: (scanned - started) / 1000,
    megabytes: process.resourceUsage().maxRSS / 1024,
    sha256: createHash("sha256").update(data).digest("hex"),
  }),
);
