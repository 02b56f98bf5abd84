/** Messages have two forms; the nameless one contains nothing that may identify a person. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  named,
  openZip,
  bytesSource,
  readDicomSeries,
  message,
  scanDicom,
  VolumeFormatError,
} from "../../src/index.js";
import { zipOf } from "../zip-writer.js";
import { bytesOf, cases, memorySource } from "./cases.js";

test("message: whole has every name, nameless has the replacements, even for a message within a message", () => {
  const inner = message`${named("Mueller.dcm", "one file")} at ${3} mm`;
  const text = message`between ${inner} and ${named("Maier.dcm", "another")}`;
  assert.equal(text.whole, "between Mueller.dcm at 3 mm and Maier.dcm");
  assert.equal(text.nameless, "between one file at 3 mm and another");
});

const refused = cases.filter(
  (dicomCase) => dicomCase.error !== undefined || dicomCase.format_error !== undefined,
);

test("the fixtures refuse in every way that a series can be refused", () => {
  const codes = new Set(refused.map((dicomCase) => dicomCase.error).filter((code) => code !== undefined));
  const all = [
    "duplicate-positions",
    "empty",
    "frames-without-geometry",
    "gantry-tilt",
    "gap-too-large",
    "missing-geometry",
    "missing-rescale",
    "missing-slices",
    "mixed-acquisitions",
    "mixed-orientation",
    "mixed-pixel-size",
    "shifted-slices",
    "single-slice",
    "too-large",
    "uneven-spacing",
  ];
  assert.deepEqual([...codes].sort(), all);
});

for (const dicomCase of refused) {
  test(`a refusal without names (${dicomCase.name}): it gives the reason but no file, folder, UID or time of day`, async () => {
    // Names as short as those of a CD export, which occur in other words too, and as long as a patient's.
    const patient = await namelessOf(dicomCase, (k) => `Mueller_Hans_19600101/ZQ^${k}.dcm`);
    assert.doesNotMatch(patient, /Mueller|ZQ|dcm|2\.25\.|1\.2\.840\.\d|SECRET|19010203/);
    assert.match(patient, /^(the series is refused: |not readable as DICOM: ).{20,}\. .{10,}\.$/s);
    assert.equal(await namelessOf(dicomCase, String), patient);
  });
}

async function namelessOf(dicomCase: (typeof cases)[number], rename: (k: number) => string): Promise<string> {
  const sources = dicomCase.files.map(([, place], k) => memorySource(rename(k), bytesOf(place)));
  const { series } = await scanDicom(sources, dicomCase.scan_options);
  return await readDicomSeries(series[0]!, dicomCase.options).then(
    () => assert.fail("expected a refusal"),
    (error: { nameless: string }) => error.nameless,
  );
}

test("a damaged zip: the entry is named in the message, but not in its nameless form", async () => {
  const bytes = zipOf([{ name: "Mueller_Hans/ZQ.dcm", data: Buffer.from("0123456789"), method: 0 }]);
  const at = Buffer.from(bytes).indexOf("0123456789");
  bytes[at] = 0x58;
  const [entry] = (await openZip(bytesSource(bytes, "Mueller.zip"))).entries;
  await assert.rejects(entry!.read(), (error) => {
    assert.ok(error instanceof VolumeFormatError);
    assert.match(error.message, /Mueller\.zip: .*"Mueller_Hans\/ZQ\.dcm"/);
    assert.doesNotMatch(error.nameless, /Mueller|ZQ/);
    return true;
  });
});
