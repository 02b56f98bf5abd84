/** A small trained model of two classes, with a bundle, an ONNX graph and scans to predict: for the tests of examples. */
import { randomUUID } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  evaluate,
  exportBundle,
  exportModel,
  generatePhantoms,
  loadConfig,
  makeSplit,
  prepare,
  train,
  writeSplit,
} from "@slicestack/pipeline";
import { readNifti } from "@slicestack/volume/node";

const CONFIG = `
name: small
threads: 1
precision: float32
task: {classes_to_include: [0, 4], class_names: [clear, consolidated]}
slice: {model: slice_cnn, epochs: 6, batch_size: 16, slices_per_volume: 8, learning_rate: 0.003, schedule: one_cycle}
head: {model: attention, epochs: 20, batch_size: 8, learning_rate: 0.003}
`;

/**
 * Phantoms are the scans. The model has learned enough that their probabilities differ.
 * @returns paths of the run, its data, the bundle and the graph, and of two scans, one of each class
 */
export async function smallModel(folder) {
  const scans = join(folder, "scans");
  const phantoms = await generatePhantoms({
    destination: scans,
    counts: [8, 0, 0, 0, 8],
    seed: 3,
    size: 48,
    workers: 1,
  });
  const { labels } = phantoms;
  const data = join(folder, "data");
  const dataset = await prepare({
    source: scans,
    destination: data,
    labels,
    size: [32, 32],
    depth: 8,
    workers: 1,
  });
  writeSplit(dataset, makeSplit(dataset, { seed: 0, fractions: [0.5, 0.25, 0.25] }));
  const run = join(folder, "run");
  await train({ config: loadConfig({ text: CONFIG }), data, out: run });
  await evaluate({ run, resamples: 20, images: false });
  const [bundle, graph] = [join(folder, "small.slicestack"), join(folder, "small.onnx")];
  await exportBundle({ model: run, out: bundle });
  await exportModel({ run, to: "onnx", out: graph });
  const [scan, other] = [0, -1].map((at) => join(scans, `${dataset.volumes.at(at).id}.nii.gz`));
  return { run, data, bundle, graph, scan, other };
}

/** Writes a volume as one DICOM file a slice, uncompressed, in a folder; the files are not in the order of the slices. */
export async function writeDicomSeries(scan, folder) {
  const { data, shape, spacing, origin, direction } = await readNifti(scan);
  const [columns, rows, slices] = shape;
  mkdirSync(folder, { recursive: true });
  const [study, series, frame] = [uid(), uid(), uid()];
  const axis = (k) => [0, 3, 6].map((row) => direction[row + k]);
  const decimals = (values) => values.map((value) => String(Number(value.toFixed(6)))).join("\\");
  for (let k = 0; k < slices; k++) {
    const instance = uid();
    const position = origin.map((mm, row) => mm + axis(2)[row] * spacing[2] * k);
    const pixels = Int16Array.from(data.subarray(k * rows * columns, (k + 1) * rows * columns), Math.round);
    const elements = [
      [0x0008, 0x0016, "UI", CT_IMAGE],
      [0x0008, 0x0018, "UI", instance],
      [0x0008, 0x0060, "CS", "CT"],
      [0x0008, 0x103e, "LO", "Phantom chest"],
      [0x0010, 0x0020, "LO", "phantom"],
      [0x0018, 0x0050, "DS", decimals([spacing[2]])],
      [0x0020, 0x000d, "UI", study],
      [0x0020, 0x000e, "UI", series],
      [0x0020, 0x0013, "IS", String(k + 1)],
      [0x0020, 0x0032, "DS", decimals(position)],
      [0x0020, 0x0037, "DS", decimals([...axis(0), ...axis(1)])],
      [0x0020, 0x0052, "UI", frame],
      [0x0028, 0x0002, "US", 1],
      [0x0028, 0x0004, "CS", "MONOCHROME2"],
      [0x0028, 0x0010, "US", rows],
      [0x0028, 0x0011, "US", columns],
      [0x0028, 0x0030, "DS", decimals([spacing[1], spacing[0]])],
      [0x0028, 0x0100, "US", 16],
      [0x0028, 0x0101, "US", 16],
      [0x0028, 0x0102, "US", 15],
      [0x0028, 0x0103, "US", 1],
      [0x0028, 0x1052, "DS", "0"],
      [0x0028, 0x1053, "DS", "1"],
      [0x7fe0, 0x0010, "OW", Buffer.from(pixels.buffer)],
    ];
    const name = `IM${String((k * 7) % slices).padStart(4, "0")}-${k}`;
    writeFileSync(join(folder, name), part10(instance, elements));
  }
}

const CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2";
const EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1";
const uid = () => `2.25.${BigInt(`0x${randomUUID().replaceAll("-", "")}`)}`;

/** DICOM part 10: preamble, file meta information, data set, in explicit little endian. */
function part10(instance, elements) {
  const meta = [
    [0x0002, 0x0002, "UI", CT_IMAGE],
    [0x0002, 0x0003, "UI", instance],
    [0x0002, 0x0010, "UI", EXPLICIT_LITTLE_ENDIAN],
  ].map(encoded);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(Buffer.concat(meta).length);
  const start = [Buffer.alloc(128), Buffer.from("DICM"), encoded([0x0002, 0x0000, "UL", length])];
  return Buffer.concat([...start, ...meta, ...elements.map(encoded)]);
}

function encoded([group, element, type, value]) {
  const content = padded(type, value);
  const isLong = type === "OW";
  const header = Buffer.alloc(isLong ? 12 : 8);
  header.writeUInt16LE(group, 0);
  header.writeUInt16LE(element, 2);
  header.write(type, 4, "latin1");
  if (isLong) header.writeUInt32LE(content.length, 8);
  else header.writeUInt16LE(content.length, 6);
  return Buffer.concat([header, content]);
}

function padded(type, value) {
  if (Buffer.isBuffer(value)) return value;
  if (type !== "US")
    return Buffer.from(value.length % 2 === 0 ? value : value + (type === "UI" ? "\0" : " "), "latin1");
  const number = Buffer.alloc(2);
  number.writeUInt16LE(value);
  return number;
}
