/** Reports and heat-maps as other programs see them: dciodvfy, dsrdump and pydicom. */
import assert from "node:assert/strict";
import { cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { discover } from "../../src/data/ingest/discover.js";
import { DicomFolder, type DicomRequest, type WrittenObjects } from "../../src/dicom-out/dicom-folder.js";
import { DicomOutputError } from "../../src/dicom-out/errors.js";
import { FolderError } from "../../src/data/owned-folder.js";
import { CLASSES, RESULT, requestsOf } from "./request.js";
import {
  dsrdump,
  errorsIn,
  makeStudy,
  objectsIn,
  pydicom,
  skip,
  temporaryFolder,
  type StudyKind,
  pixelsOf,
} from "./tools.js";

const folder = temporaryFolder();

async function written(
  name: string,
  source: string,
  changes: Partial<DicomRequest> = {},
): Promise<[WrittenObjects, ...WrittenObjects[]]> {
  using out = DicomFolder.open(join(folder, name));
  const all: WrittenObjects[] = [];
  for (const request of await requestsOf(source, changes)) all.push(await out.write(request));
  return all as [WrittenObjects, ...WrittenObjects[]];
}

const study = (kind: StudyKind) => makeStudy(join(folder, `${kind} study`), kind);

for (const kind of ["plain", "bare", "hostile", "kanji", "oblique"] as const)
  test(`${kind}: dciodvfy finds no error in the report and in each image`, { skip }, async () => {
    const [{ folder: objects }] = await written(kind, study(kind));
    const files = objectsIn(objects);
    assert.equal(files.length, 13);
    for (const file of files) assert.deepEqual(errorsIn(file), [], file);
  });

test(
  "dsrdump reads the report: observer, algorithm, decision, threshold, set, probabilities, slices",
  { skip },
  async () => {
    const [{ report }] = await written("read", study("plain"));
    const text = dsrdump(report.file);
    const [first, second] = CLASSES;
    for (const line of [
      'Observer Type")=(121007,DCM,"Device")',
      'Device Observer Model Name")="lung"',
      'Procedure reported")=(25045-6,LN,"CT unspecified body region")',
      'Algorithm Name")="lung"',
      `model sha256:${RESULT.model.sha256}"`,
      'Decision")=',
      'Threshold on the uncalibrated probability")="0.41"',
      'Expected share of sets without the true class")="0.1"',
      'Calibrated probability of the class")="0.8"',
      'Uncalibrated probability of the class")="0.876543"',
      'Weight of the slice")="0.4"',
      'Warning")="The spacing is 3 mm"',
      "must not be used for a diagnosis",
    ])
      assert.ok(text.includes(line), `${line} in\n${text}`);
    for (const name of [first, second]) assert.ok(text.includes(`"${name}")`), name);
    assert.equal(
      text.match(/Weight of the slice/g)!.length,
      2,
      "only slices above the mean weight stand out",
    );
  },
);

test(
  "the report is of the study, refers to each of its images once, and declares its codes",
  { skip },
  async () => {
    const source = study("plain");
    const [{ report }] = await written("refers", source);
    const read = pydicom(report.file) as {
      CurrentRequestedProcedureEvidenceSequence: {
        ReferencedSeriesSequence: { ReferencedSOPSequence: object[] }[];
      }[];
      CodingSchemeIdentificationSequence: { CodingSchemeDesignator: string }[];
    } & Record<string, string>;
    const image = pydicom(join(source, "0000")) as Record<string, string>;
    for (const name of [
      "PatientName",
      "PatientID",
      "IssuerOfPatientID",
      "PatientBirthDate",
      "PatientSex",
      "PatientAge",
    ])
      assert.equal(read[name], image[name], name);
    for (const name of [
      "StudyInstanceUID",
      "StudyDate",
      "StudyTime",
      "StudyID",
      "AccessionNumber",
      "StudyDescription",
    ])
      assert.equal(read[name], image[name], name);
    assert.notEqual(read["SeriesInstanceUID"], image["SeriesInstanceUID"]);
    assert.deepEqual([read["ContentDate"], read["ContentTime"]], [image["StudyDate"], image["StudyTime"]]);
    const [evidence] = read.CurrentRequestedProcedureEvidenceSequence;
    assert.equal(evidence!.ReferencedSeriesSequence[0]!.ReferencedSOPSequence.length, 12);
    assert.deepEqual(
      read.CodingSchemeIdentificationSequence.map(({ CodingSchemeDesignator }) => CodingSchemeDesignator),
      ["99SLICESTACK"],
    );
  },
);

test("slices that count are the nearest images of the source", { skip }, async () => {
  // 8 prepared slices over 12 of the source: the middle of prepared slice 3 is at 4.75, so image 6 (number 5 from 0) is nearest
  const slices = RESULT.slices.map(({ slice }) => ({ slice, weight: slice === 3 ? 1 : 0 }));
  const [{ report }] = await written("nearest", study("plain"), { result: { ...RESULT, slices } });
  const { text, uid } = {
    text: JSON.stringify(pydicom(report.file)),
    uid: "1.2.826.0.1.3680043.8.498.9.1.1.6",
  };
  const counted = /"Weight of the slice"[^]*?"ReferencedSOPInstanceUID": ?"([\d.]+)"/.exec(text);
  assert.equal(counted?.[1], uid);
  const alike = RESULT.slices.map(({ slice }) => ({ slice, weight: 0.125 }));
  const [equal] = await written("alike", study("plain"), { result: { ...RESULT, slices: alike } });
  assert.doesNotMatch(
    dsrdump(equal.report.file),
    /Weight of the slice/,
    "where all count alike, none stands out",
  );
});

for (const kind of ["plain", "oblique"] as const)
  test(
    `${kind}: each image lies where its source does, and its colours where the map is`,
    { skip },
    async () => {
      const source = study(kind);
      const [{ folder: objects }] = await written(`places ${kind}`, source);
      const sources = new Map(
        readdirSync(source).map((name) => {
          const read = pydicom(join(source, name));
          return [read["SOPInstanceUID"], { read, hu: readPixels(join(source, name)) }];
        }),
      );
      const images = objectsIn(objects).filter((file) => file.includes("heat-map"));
      assert.equal(images.length, sources.size);
      let coloured = 0;
      for (const file of images) {
        const read = pydicom(file) as Record<string, string> & {
          SourceImageSequence: Record<string, string>[];
        };
        const of = sources.get(read.SourceImageSequence[0]!["ReferencedSOPInstanceUID"])!;
        for (const name of ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"])
          assert.deepEqual(
            (read[name] as unknown as string[]).map(Number),
            (of.read[name] as string[]).map(Number),
            name,
          );
        for (const name of ["FrameOfReferenceUID", "InstanceNumber", "Rows", "Columns"])
          assert.equal(read[name], of.read[name], name);
        assert.equal(read["BurnedInAnnotation"], "NO");
        const pixels = pixelsOf(file);
        for (let i = 0; i < 64 * 64; i++) {
          const [red, green, blue] = [pixels[3 * i]!, pixels[3 * i + 1]!, pixels[3 * i + 2]!];
          if (red === green && green === blue) continue;
          coloured++;
          assert.ok(red > blue, "evidence is orange to yellow");
        }
        // The ball is the only place above 100 HU, and where it is large, its middle must be coloured.
        const ball = of.hu.flatMap((hu, i) => (hu > 100 ? [i] : []));
        if (ball.length > 100) {
          const middle = ball[Math.floor(ball.length / 2)]!;
          assert.ok(pixels[3 * middle]! > pixels[3 * middle + 2]! + 50, `${file}: the ball is coloured`);
        }
      }
      assert.ok(coloured > 100 && coloured < 0.1 * images.length * 64 * 64, `${coloured} coloured pixels`);
    },
  );

/** HU of a file of make_study.py: its pixels are its last bytes, int16. */
function readPixels(file: string): number[] {
  const bytes = readFileSync(file).subarray(-2 * 64 * 64);
  return Array.from({ length: 64 * 64 }, (_, i) => bytes.readInt16LE(2 * i) - 1024);
}

test(
  "predicting twice gives the same files; another model, setting or series gives other UIDs",
  { skip },
  async () => {
    const source = study("plain");
    const [once] = await written("once", source);
    const [twice] = await written("twice", source);
    const [again] = await written("twice", source); // in place of the earlier ones
    const bytes = ({ folder: objects }: WrittenObjects) =>
      objectsIn(objects).map((file) => readFileSync(file).toString("latin1"));
    assert.deepEqual(bytes(once), bytes(twice));
    assert.deepEqual(bytes(once), bytes(again));
    const { model } = RESULT;
    const changed = [
      await written("other model", source, {
        result: { ...RESULT, model: { ...model, sha256: "f".repeat(64) } },
      }),
      await written("other setting", source, { settings: "sensitivity" }),
      await written("other series", makeStudy(join(folder, "eleven"), "plain", 11)),
    ];
    const uids = [once, ...changed.map(([one]) => one)].map(({ report }) => report.sopInstanceUid);
    assert.equal(new Set(uids).size, 4);
    assert.ok(uids.every((uid) => /^2\.25\.[1-9]\d{20,38}$/.test(uid)));
    const all = objectsIn(once.folder).map((file) => pydicom(file)["SOPInstanceUID"]);
    assert.equal(new Set(all).size, 13, "each object has a UID of its own");
  },
);

test("a study without optional attributes: none is invented", { skip }, async () => {
  const [{ folder: objects, report }] = await written("bare objects", study("bare"));
  const read = pydicom(report.file);
  for (const name of ["PatientName", "StudyID", "AccessionNumber", "StudyDate"])
    assert.equal(read[name], "", name);
  assert.equal(read["ContentDate"], "19000101");
  const image = pydicom(objectsIn(objects)[0]!);
  assert.ok(!("FrameOfReferenceUID" in image));
  assert.equal((image["ImagePositionPatient"] as string[]).length, 3);
});

test(
  "hostile values: what files the object is copied, what is invalid is not, and nothing leaves the folder",
  { skip },
  async () => {
    const source = study("hostile");
    const [{ folder: objects, report }] = await written("hostile objects", source);
    const [read, image] = [pydicom(report.file), pydicom(join(source, "0000"))];
    for (const name of ["PatientName", "PatientID"]) assert.equal(read[name], image[name], name);
    for (const name of ["PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "ReferringPhysicianName"])
      assert.equal(read[name], "", name);
    for (const name of ["PatientAge", "PatientWeight", "StudyDescription"]) assert.ok(!(name in read), name);
    const map = pydicom(objectsIn(objects)[0]!);
    assert.ok(!("FrameOfReferenceUID" in map));
    assert.equal(map["BurnedInAnnotation"], "YES", "as the source says of the pixels below the colours");
    // The source is in Latin-1, which has no character for lung.
    assert.match(dsrdump(report.file), /CT-3 <U\+80BA> ü/);
    assert.deepEqual(
      readdirSync(join(folder, "hostile objects")).filter((name) => !name.startsWith(".")),
      ["1.2.826.0.1.3680043.8.498.9.1.1"],
    );
  },
);

test(
  "a name in another character set is copied byte by byte, and the report's text is safe in it",
  { skip },
  async () => {
    const source = study("kanji");
    const [{ report }] = await written("kanji objects", source);
    const [read, image] = [pydicom(report.file), pydicom(join(source, "0000"))];
    assert.match(String(image["PatientName"]), /山田/);
    assert.equal(read["PatientName"], image["PatientName"]);
    assert.deepEqual(read["SpecificCharacterSet"], ["", "ISO 2022 IR 87"]);
    assert.match(JSON.stringify(read), /CT-3 <U\+80BA> <U\+00FC>/);
  },
);

test("several patients and series: objects of each in a folder, each in its study", { skip }, async () => {
  const all = await written("patients objects", study("patients"));
  const of = all.map(({ report }) => pydicom(report.file));
  assert.deepEqual(
    of.map((read) => [read["PatientID"], String(read["StudyInstanceUID"]).slice(-2)]),
    [
      ["4711", ".1"],
      ["4711", ".1"],
      ["4712", ".2"],
    ],
  );
  assert.equal(new Set(of.map((read) => read["SeriesInstanceUID"])).size, 3);
});

test(
  "objects of an earlier prediction are recognised when they are found among scans",
  { skip },
  async () => {
    const inbox = join(folder, "inbox");
    cpSync(study("plain"), inbox, { recursive: true });
    const [{ folder: objects }] = await written("earlier", inbox);
    cpSync(objects, join(inbox, "results"), { recursive: true });
    const { volumes, setAside } = await discover(inbox);
    assert.equal(volumes.length, 1);
    assert.equal(setAside.filter(({ code }) => code === "own-result").length, 13);
  },
);

test("no map: a report alone, and the images of an earlier prediction are gone", { skip }, async () => {
  const source = study("plain");
  await written("mapless", source);
  const [one] = await written("mapless", source, { heatMap: { reason: "the trunk has no maps" } });
  assert.deepEqual(one.heatMap, { reason: "the trunk has no maps" });
  assert.deepEqual(objectsIn(one.folder), [one.report.file]);
});

test(
  "what is no DICOM, or lacks what a reference needs, is refused by code; nothing is left behind",
  { skip },
  async () => {
    const [request] = await requestsOf(study("plain"));
    using out = DicomFolder.open(join(folder, "refused"));
    const isRefused = (code: string) => (error: unknown) =>
      error instanceof DicomOutputError && error.code === code;
    await assert.rejects(
      out.write({ ...request!, input: { kind: "file", path: "x.nii" } }),
      isRefused("not-dicom"),
    );
    const source = join(folder, "moved");
    cpSync(study("plain"), source, { recursive: true });
    const [moved] = await requestsOf(source);
    for (const name of readdirSync(source)) writeFileSync(join(source, name), "gone");
    await assert.rejects(out.write(moved!), isRefused("unreadable"));
    const nameless = join(folder, "without UID");
    cpSync(study("plain"), nameless, { recursive: true });
    for (const name of readdirSync(nameless)) {
      const bytes = readFileSync(join(nameless, name)).toString("latin1");
      // The length of (0020,000D) StudyInstanceUID becomes that of nothing: its value is cut out.
      const cut = bytes.replace(/( \0\r\0UI)[^]{2}1\.2\.826[\d.]*\0?/, "$1\0\0");
      assert.notEqual(cut, bytes);
      writeFileSync(join(nameless, name), cut, "latin1");
    }
    const [unfiled] = await requestsOf(nameless);
    await assert.rejects(out.write(unfiled!), isRefused("incomplete"));
    assert.deepEqual(
      readdirSync(join(folder, "refused")).filter(
        (name) => !name.startsWith(".slicestack") && !name.startsWith(".lock"),
      ),
      [],
    );
    mkdirSync(join(folder, "theirs"));
    writeFileSync(join(folder, "theirs", "thesis.txt"), "");
    assert.throws(() => DicomFolder.open(join(folder, "theirs")), FolderError);
  },
);
