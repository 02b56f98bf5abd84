/** Reads a folder of DICOM slices as one HU volume, one JSON line. node bench/dicom_read.mjs FOLDER */
import { createHash } from "node:crypto";
import { readDicomSeries, scanDicom } from "../packages/volume/dist/src/index.js";
import { dicomFiles } from "../packages/volume/dist/src/node.js";

const started = performance.now();
const { series } = await scanDicom(dicomFiles(process.argv[2]));
const scanned = performance.now();
const { data } = await readDicomSeries(series[0]);
const ended = performance.now();
console.log(
  JSON.stringify({
    seconds: (ended - started) / 1000,
    scan: (scanned - started) / 1000,
    megabytes: process.resourceUsage().maxRSS / 1024,
    sha256: createHash("sha256").update(data).digest("hex"),
  }),
);
