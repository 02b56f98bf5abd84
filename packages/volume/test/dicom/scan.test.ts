import assert from "node:assert/strict";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { deflateRawSync } from "node:zlib";
import {
  partDescription,
  partUid,
  planDicomSeries,
  readDicomSeries,
  scanDicom,
  VolumeFileError,
  type DicomSeries,
  type DicomSource,
} from "../../src/index.js";
import { dicomFiles } from "../../src/node.js";
import { temporaryFolder } from "../fixtures.js";
import { bytesOf, caseOf, cases, memorySource, sourcesOf } from "./cases.js";

const explicit = caseOf("explicit");
const firstFile = (): Uint8Array => bytesOf((explicit.files[0] as [string, number])[1]);

test("a series carries identity and acquisition, as given in the file (fixtures/dicom/_dicom.py)", async () => {
  const { series } = await scanDicom(sourcesOf(explicit));
  const { slices, ...facts } = series[0] as DicomSeries;
  assert.deepEqual(facts, {
    patientId: "P1",
    accession: "A7",
    studyUid: "2.25.9",
    seriesUid: "2.25.2",
    seriesNumber: "2",
    seriesDescription: "Chest",
    modality: "CT",
    frameOfReference: "2.25.8",
    acquisition: {
      manufacturer: "Maker",
      model: "Model 5",
      kernel: "B30f",
      kVp: 120,
      sliceThickness: 2.5,
      gantryTilt: undefined,
      bodyPart: "",
      institution: "Clinic",
      station: "CT1",
      studyDate: "20200102",
      acquisitionDate: "20200103",
      imageType: "ORIGINAL\\PRIMARY\\AXIAL",
    },
    part: "",
    rows: 5,
    columns: 6,
    transferSyntaxes: ["1.2.840.10008.1.2.1"],
  });
  assert.deepEqual(
    slices.map(({ file, position, acquisitionNumber, slope }) => [
      file,
      position?.[2],
      acquisitionNumber,
      slope,
    ]),
    [-20, -17.5, -15, -12.5].map((z, i) => [`IM0${i + 1}`, z, 1, 1]),
  );
});

test("an enhanced image gives kernel, kV and thickness from its functional groups (fixtures/dicom/make_series.py)", async () => {
  const { series } = await scanDicom(sourcesOf(caseOf("multi-frame")));
  const { kernel, sliceThickness } = (series[0] as DicomSeries).acquisition;
  assert.deepEqual({ kernel, sliceThickness }, { kernel: "B30f", sliceThickness: 2.5 });
});

test("names, birth date, address, physicians and comments appear nowhere: not in a scan, a volume or a message", async () => {
  const secret = /SECRET|19010203/;
  assert.ok(secret.test(Buffer.from(firstFile()).toString("latin1")), "the files hold them");
  for (const dicomCase of cases) {
    const scan = await scanDicom(sourcesOf(dicomCase), dicomCase.scan_options);
    assert.doesNotMatch(JSON.stringify(scan), secret);
    for (const series of scan.series) {
      const text = await readDicomSeries(series, dicomCase.options).then(
        ({ facts }) => JSON.stringify(facts),
        String,
      );
      assert.doesNotMatch(text, secret);
    }
  }
});

test("two acquisitions over the same positions are two series of one UID, each with its own files", async () => {
  const both = (await scanDicom(sourcesOf(caseOf("acquisitions")).reverse())).series;
  assert.deepEqual(
    both.map((series) => [partUid(series), partDescription(series), series.slices.map(({ file }) => file)]),
    [
      ["2.25.55-acquisition-1", "Chest, acquisition 1", ["IM03", "IM02", "IM01"]],
      ["2.25.55-acquisition-2", "Chest, acquisition 2", ["IM06", "IM05", "IM04"]],
    ],
  );
  const alone = (await scanDicom(sourcesOf(caseOf("acquisitions")).slice(3))).series;
  assert.deepEqual(
    (await readDicomSeries(both[1] as DicomSeries)).data,
    (await readDicomSeries(alone[0] as DicomSeries)).data,
  );
});

test("all cases in one heap, shuffled: each series is found, and each is read as when alone", async () => {
  const some = cases.filter(
    ({ volume, set_aside, series, scan_options }) => volume && !set_aside && !series && !scan_options,
  );
  const sources = some.flatMap((dicomCase) =>
    sourcesOf(dicomCase).map((source) => ({ ...source, name: `${dicomCase.name}/${source.name}` })),
  );
  const turned = sources.map((_, i) => sources[(i * 103) % sources.length] as DicomSource);
  assert.equal(new Set(turned).size, sources.length);
  const scan = await scanDicom(turned);
  // Two cases use the same files, read with other options.
  const unique = new Set(some.map(({ files }) => JSON.stringify(files.map(([, place]) => place).sort())));
  assert.equal(scan.series.length, unique.size);
  for (const series of scan.series) {
    const dicomCase = caseOf((series.slices[0]?.file ?? "").split("/")[0] as string);
    const volume = await readDicomSeries(series, dicomCase.options);
    const [alone] = (await scanDicom(sourcesOf(dicomCase))).series as [DicomSeries];
    assert.deepEqual(volume.data, (await readDicomSeries(alone, dicomCase.options)).data, dicomCase.name);
  }
});

/** Records which bytes are requested. */
function watched(bytes: Uint8Array): { source: DicomSource; asked: (number | "all")[] } {
  const asked: (number | "all")[] = [];
  const inner = memorySource("watched", bytes);
  const head = async (most: number) => (asked.push(most), await inner.head!(most));
  const read = async () => (asked.push("all"), await inner.read());
  return { source: { ...inner, head, read }, asked };
}

/** A private element of `bytes` bytes in explicit VR, inserted before the geometry. */
function withPrivate(bytes: Uint8Array, length: number): Uint8Array {
  const element = Buffer.alloc(12 + length);
  element.set([0x09, 0x00, 0x10, 0x10, 0x4f, 0x42]);
  element.writeUInt32LE(length, 8);
  const at = Buffer.from(bytes).indexOf(Buffer.from([0x10, 0x00, 0x10, 0x00]));
  return new Uint8Array(Buffer.concat([bytes.subarray(0, at), element, bytes.subarray(at)]));
}

test("a scan reads 16 KB of a file, more only where the header is longer", async () => {
  const long = Buffer.concat([firstFile(), Buffer.alloc(40000)]);
  const plain = watched(new Uint8Array(long));
  await scanDicom([plain.source]);
  assert.deepEqual(plain.asked, [16384]);
  const grown = watched(withPrivate(new Uint8Array(long), 100_000));
  assert.equal((await scanDicom([grown.source])).series.length, 1);
  assert.deepEqual(grown.asked, [16384, 65536, 262144]);
  const other = watched(new Uint8Array(100_000).fill(65));
  assert.equal((await scanDicom([other.source])).setAside[0]?.code, "not-dicom");
  assert.deepEqual(other.asked, [16384]);
});

test("sources without head or size are read as a whole; async lists are accepted, too", async () => {
  async function* bare(): AsyncGenerator<DicomSource> {
    for (const source of sourcesOf(explicit)) {
      yield await Promise.resolve({ name: source.name, read: () => source.read() });
    }
  }
  const { series } = await scanDicom(bare());
  assert.equal((await readDicomSeries(series[0] as DicomSeries)).data.length, 120);
});

test("dicomFiles walks folders of any depth, in order of names, and follows no circular links", async () => {
  await using folder = await temporaryFolder();
  await mkdir(join(folder.path, "b/c"), { recursive: true });
  for (const name of ["b/c/1", "b/2.dcm", "a"]) await writeFile(join(folder.path, name), name);
  await symlink(folder.path, join(folder.path, "b/circle"));
  await symlink(join(folder.path, "a"), join(folder.path, "link"));
  await symlink(join(folder.path, "gone"), join(folder.path, "nowhere"));
  const found = [];
  for await (const { name, size } of dicomFiles(folder.path)) found.push([name, size]);
  assert.deepEqual(found, [
    ["a", 1],
    ["b/2.dcm", 7],
    ["b/c/1", 5],
    ["link", 1],
  ]);
  await assert.rejects(async () => {
    for await (const _ of dicomFiles(join(folder.path, "missing"))) assert.fail();
  }, VolumeFileError);
});

test("a file that cannot be read is set aside; other errors and an abort come through", async () => {
  const broken = (error: Error): DicomSource => ({ name: "x", read: () => Promise.reject(error) });
  const scan = await scanDicom([
    broken(new VolumeFileError("x", "cannot be read (EACCES)", "Check the permissions.")),
  ]);
  assert.deepEqual(
    scan.setAside.map(({ code }) => code),
    ["unreadable"],
  );
  await assert.rejects(scanDicom([broken(new RangeError("other"))]), RangeError);
  await assert.rejects(scanDicom(sourcesOf(explicit), { signal: AbortSignal.abort() }), {
    name: "AbortError",
  });
});

/** The start of the data set: the character set. */
const datasetOf = (file: Uint8Array): number =>
  Buffer.from(file).indexOf(Buffer.from([8, 0, 5, 0, 0x43, 0x53]));

/** A file whose data set is these bytes. */
const fileOf = (...parts: Uint8Array[]): Uint8Array =>
  new Uint8Array(Buffer.concat([firstFile().subarray(0, datasetOf(firstFile())), ...parts]));
const openSequence = Uint8Array.from([
  0x08, 0, 0x40, 0x11, 0x53, 0x51, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xff, 0, 0xe0, 0xff, 0xff, 0xff, 0xff,
]);

test("sequences nested 200 000 deep and 2 million empty items are walked with little memory", async () => {
  const deep = fileOf(Buffer.alloc(200_000 * openSequence.length, openSequence));
  const items = Buffer.alloc(2 ** 24, Uint8Array.from([0xfe, 0xff, 0, 0xe0, 0, 0, 0, 0]));
  const wide = fileOf(openSequence.subarray(0, 12), items);
  const before = process.memoryUsage().heapUsed;
  const scan = await scanDicom([memorySource("deep", deep), memorySource("wide", wide)]);
  assert.deepEqual(
    scan.setAside.map(({ name, code, reason }) => [name, code, reason]),
    ["deep", "wide"].map((name) => [name, "damaged", "it is damaged: the file ends inside its header"]),
  );
  assert.ok(process.memoryUsage().heapUsed - before < 50e6);
});

test("a deflated bomb is inflated no further than its header or its pixels require", async () => {
  const [[, place]] = caseOf("deflated").files as [[string, number]];
  const file = Buffer.from(bytesOf(place));
  // Group 2 ends with the UID of the implementation; the data set begins with the character set.
  const implementation = file.indexOf(Buffer.from([2, 0, 0x12, 0, 0x55, 0x49]));
  const meta = file.subarray(0, implementation + 8 + (file[implementation + 6] as number));
  const dataset = firstFile().subarray(datasetOf(firstFile()));
  const deflated = deflateRawSync(Buffer.concat([dataset, Buffer.alloc(2 ** 26)]), { level: 1 });
  const bomb = new Uint8Array(Buffer.concat([meta, deflated]));
  const before = process.memoryUsage().arrayBuffers;
  const { series, setAside } = await scanDicom([memorySource("bomb", bomb)]);
  assert.deepEqual(setAside, []);
  const volume = await readDicomSeries(series[0] as DicomSeries, { allowSingle: true });
  assert.equal(volume.data.length, 30);
  assert.ok(process.memoryUsage().arrayBuffers - before < 16e6);
});

/** The number of slices of each series. */
const sliceCounts = (series: readonly DicomSeries[]): number[] => series.map(({ slices }) => slices.length);

/** The file with the last characters of a UID replaced. */
function withUid(bytes: Uint8Array, tag: readonly [number, number, number, number], uid: string): Uint8Array {
  const copy = Buffer.from(bytes);
  const at = copy.indexOf(Buffer.from([...tag, 0x55, 0x49]));
  assert.ok(at > 0 && copy.readUInt16LE(at + 6) >= uid.length);
  copy.fill(0, at + 8, at + 8 + copy.readUInt16LE(at + 6));
  copy.write(uid, at + 8, "latin1");
  return new Uint8Array(copy);
}
const FRAME = [0x20, 0, 0x52, 0] as const;
const INSTANCE = [0x08, 0, 0x18, 0] as const;
const framed = (frames: readonly number[]) =>
  explicit.files.map(([, place], k) =>
    memorySource(`IM${k}`, withUid(bytesOf(place), FRAME, `2.25.${frames[k]}`)),
  );

test("a different FrameOfReferenceUID in every file: one series where positions are regular, and the facts record it", async () => {
  const { series } = await scanDicom(framed([1, 2, 3, 4]));
  assert.deepEqual(sliceCounts(series), [4]);
  const volume = await readDicomSeries(series[0]!);
  const [plain] = (await scanDicom(sourcesOf(explicit))).series;
  assert.deepEqual(volume.data, (await readDicomSeries(plain!)).data);
  assert.deepEqual([volume.facts.framesOfReference, planDicomSeries(plain!).facts.framesOfReference], [4, 1]);
  // The problem is then a missing slice, not six series of one slice.
  const lossy = await scanDicom(framed([1, 2, 3, 4]).filter((_, k) => k !== 1));
  assert.equal(lossy.series.length, 1);
  assert.throws(() => planDicomSeries(lossy.series[0]!), /1 slice is missing/);
});

test("two frames of reference at the same positions stay two series, because their positions cannot be compared", async () => {
  const second = explicit.files.map(([, place], k) => {
    const bytes = withUid(bytesOf(place), INSTANCE, `2.25.${k}`);
    return memorySource(`other${k}`, withUid(bytes, FRAME, "2.25.7"));
  });
  const { series } = await scanDicom([...framed([8, 8, 8, 8]), ...second]);
  assert.deepEqual(sliceCounts(series), [4, 4]);
  const frames = series.map(({ frameOfReference }) => frameOfReference);
  assert.deepEqual(frames, ["2.25.8", "2.25.7"]);
});

test("without a SOPInstanceUID, a copy is a file with the same bytes; one pixel makes it another slice", async () => {
  const bare = explicit.files.map(([, place]) => withUid(bytesOf(place), INSTANCE, ""));
  const named = (folder: string, files: readonly Uint8Array[]) =>
    files.map((bytes, k) => memorySource(`${folder}/IM${k}`, bytes));
  const twice = await scanDicom([...named("a", bare), ...named("b", bare)]);
  assert.deepEqual(sliceCounts(twice.series), [4]);
  const copies = [0, 1, 2, 3].map((k) => [
    `b/IM${k}`,
    "same-instance",
    `it is a copy of a/IM${k}, byte for byte`,
  ]);
  const setAside = twice.setAside.map(({ name, code, reason }) => [name, code, reason]);
  assert.deepEqual(setAside, copies);
  const changed = bare.map((bytes) =>
    Uint8Array.from(bytes, (byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte)),
  );
  const different = await scanDicom([...named("a", bare), ...named("b", changed)]);
  assert.deepEqual([different.setAside.length, different.series[0]!.slices.length], [0, 8]);
  assert.throws(() => planDicomSeries(different.series[0]!), { code: "duplicate-positions" });
});
