/** Where a label matches no volume, the message says what is known of the files of that name. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import sharp from "sharp";
import { encodeNpyHeader } from "@slicestack/volume";
import { LabelsError } from "../../src/data/errors.js";
import { makePlan } from "../../src/data/prepare/plan.js";
import { temporaryFolder } from "./temporary.js";

const array = (shape: readonly number[]) =>
  Buffer.concat([
    encodeNpyHeader("uint8", shape),
    Buffer.alloc(
      shape.reduce((a, b) => a * b, 1),
      7,
    ),
  ]);

/** A DICOM file of explicit VR with nothing but identity, and no Modality. */
function withoutModality(): Buffer {
  const element = (group: number, tag: number, vr: string, text: string) => {
    const value = Buffer.from(text.length % 2 === 0 ? text : `${text} `);
    const head = Buffer.alloc(8);
    head.writeUInt16LE(group, 0);
    head.writeUInt16LE(tag, 2);
    head.write(vr, 4, "latin1");
    head.writeUInt16LE(value.length, 6);
    return Buffer.concat([head, value]);
  };
  const syntax = element(2, 0x10, "UI", "1.2.840.10008.1.2.1\0");
  const length = Buffer.from([2, 0, 0, 0, 0x55, 0x4c, 4, 0, syntax.length, 0, 0, 0]);
  const set = [
    element(8, 0x50, "SH", "ACC7"),
    element(0x10, 0x20, "LO", "PAT7"),
    element(0x20, 0xd, "UI", "1.2.3.7"),
  ];
  return Buffer.concat([Buffer.alloc(128), Buffer.from("DICM"), length, syntax, ...set]);
}

function source(t: TestContext): string {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, "good.npy"), array([4, 4, 3]));
  return folder;
}

async function unmatched(folder: string, ...ids: string[]): Promise<string> {
  const labels = join(folder, "labels.csv");
  writeFileSync(labels, ["id,label", "good,0", ...ids.map((id) => `${id},1`)].join("\n"));
  const error = await makePlan({ source: folder, labels }).then(
    () => assert.fail("expected a refusal"),
    (found: unknown) => found,
  );
  assert.ok(error instanceof LabelsError, String(error));
  assert.equal(error.problems.unmatched.length, ids.length);
  return error.problems.unmatched.join("\n");
}

test("DICOM without a Modality: by file, folder, PatientID, accession number and study UID", async (t) => {
  const folder = source(t);
  mkdirSync(join(folder, "ward7", "series"), { recursive: true });
  for (const k of [1, 2]) writeFileSync(join(folder, "ward7", "series", `IM${k}`), withoutModality());
  const reason = "it has no modality, expected CT";
  const named = await unmatched(folder, "ward7", "ward7/series", "IM2", "PAT7", "ACC7", "1.2.3.7");
  const both = `2 files, the first ward7/series/IM1: ${reason}`;
  assert.equal(
    named,
    [
      `ward7: ${both}`,
      `ward7/series: ${both}`,
      `IM2: ward7/series/IM2: ${reason}`,
      ...["PAT7", "ACC7", "1.2.3.7"].map((id) => `${id}: ${both}`),
    ].join("\n"),
  );
});

test("an array of objects, a file that is not DICOM, a compressed file whose name is not recognised", async (t) => {
  const folder = source(t);
  const header = Buffer.from(array([2, 2, 2]).toString("latin1").replace("'|u1'", "'|O' "), "latin1");
  writeFileSync(join(folder, "objects.npy"), header);
  writeFileSync(join(folder, "scan7.dcm.gz"), Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3]));
  const text = await unmatched(folder, "objects", "scan7", "nobody");
  assert.match(
    text,
    /^objects: objects\.npy: .*expected numbers, it holds Python objects.*\nscan7: scan7\.dcm\.gz: it is not a DICOM file\nnobody$/,
  );
});

test("pictures whose names do not belong together: the reason names the folder, and JPEG if they are JPEG", async (t) => {
  const folder = source(t);
  mkdirSync(join(folder, "p050"));
  const picture = await sharp({ create: { width: 4, height: 4, channels: 3, background: "grey" } })
    .jpeg()
    .toBuffer();
  for (const name of ["a_1.jpg", "b_2.jpg"]) writeFileSync(join(folder, "p050", name), picture);
  assert.match(
    await unmatched(folder, "p050"),
    /^p050: not readable as JPEG: expected names that differ in one number, found "a_1\.jpg" and "b_2\.jpg"/,
  );
});

test("spaces at the ends of names match, because those of a labels file are trimmed", async (t) => {
  const folder = source(t);
  writeFileSync(join(folder, " pat 01 .npy"), array([4, 4, 3]));
  const labels = join(folder, "labels.csv");
  writeFileSync(labels, "id,label\ngood,0\npat 01,1\n");
  const { volumes } = await makePlan({ source: folder, labels });
  assert.deepEqual(
    volumes.map(({ path, label }) => [path, label]),
    [
      [" pat 01 .npy", 1],
      ["good.npy", 0],
    ],
  );
});

test("skipUnlabelled: omitted volumes have the same reason", async (t) => {
  const folder = source(t);
  writeFileSync(join(folder, "ward.dcm"), withoutModality());
  const labels = join(folder, "labels.csv");
  writeFileSync(labels, "id,label\ngood,0\nward,1\n");
  const { left } = await makePlan({ source: folder, labels, skipUnlabelled: true });
  assert.ok(left.some(({ path, reason }) => path === "ward" && /has no modality/.test(reason)));
});

test("a zip with entries outside its folder is set aside with the words of the formats page; on its own it is an error", async (t) => {
  const folder = source(t);
  // One stored file, named ../a.dcm in both headers.
  const name = Buffer.from("../a.dcm");
  const sizes = Buffer.alloc(16); // checksum, both sizes, and no extra field: an empty file
  sizes.writeUInt16LE(name.length, 12);
  const local = Buffer.concat([Buffer.from("504b03040a000000000000002100", "hex"), sizes, name]);
  const place = Buffer.alloc(14);
  const central = Buffer.concat([Buffer.from("504b010214000a000000000000002100", "hex"), sizes, place, name]);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  [1, 1].forEach((count, k) => end.writeUInt16LE(count, 8 + 2 * k));
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(local.length, 16);
  writeFileSync(join(folder, "slip.zip"), Buffer.concat([local, central, end]));
  const words = /not readable as zip: it is damaged or ambiguous \(Unsafe filename: \.\.\/a\.dcm\)/;
  assert.match(await unmatched(folder, "slip"), words);
  await assert.rejects(
    makePlan({ source: join(folder, "slip.zip"), labels: join(folder, "labels.csv") }),
    words,
  );
});
