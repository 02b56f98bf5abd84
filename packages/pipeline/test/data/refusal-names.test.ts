/** Every refusal of a DICOM series, through prepare: named on the terminal, and without a name in what is kept. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { inflateSync } from "node:zlib";
import { withoutPrefix } from "../../src/data/reason.js";
import { prepare } from "../../src/tasks/prepare.js";
import { temporaryFolder } from "./temporary.js";

interface Case {
  name: string;
  files: [string, number][];
  error?: string;
  format_error?: string;
}

const root = join(import.meta.dirname, "../../../../..");
const [stored, ...cases] = JSON.parse(readFileSync(join(root, "fixtures/dicom/series.json"), "utf8")) as [
  { dictionary: string; bytes: string[] },
  ...Case[],
];
const dictionary = inflateSync(Buffer.from(stored.dictionary, "base64"));
const bytesOf = (place: number) => inflateSync(Buffer.from(stored.bytes[place]!, "base64"), { dictionary });

/** The case is one of another study and series: its UIDs end in a letter. */
function filesOf({ files }: Case, letter: string): Buffer[] {
  return files.map(([, place]) =>
    Buffer.from(
      bytesOf(place)
        .toString("latin1")
        .replaceAll(/2\.25\.[29](?!\d)/g, (uid) => uid.slice(0, 5) + letter),
      "latin1",
    ),
  );
}

const PATIENT = "Mueller_Hans_19600101";
const MARKS = /Mueller|Hans|1960|ZQ|SECRET|19010203|2\.25\.|\bP1\b/;
// Those that prepare's options do not refuse are volumes here.
const optional = new Set(["gantry-tilt", "too-large", "empty"]);
const refused = cases.filter(
  ({ error = "", format_error }) => (error !== "" && !optional.has(error)) || format_error !== undefined,
);

/** One folder a case below the patient's, and arrays that cannot be read beside them. */
function writeSource(folder: string): { source: string; labels: string } {
  const source = join(folder, PATIENT);
  const good = cases.find(({ name }) => name === "explicit")!;
  [good, ...refused].forEach((one, k) => {
    mkdirSync(join(source, `ZQ_${one.name}`), { recursive: true });
    filesOf(one, String.fromCharCode(65 + k)).forEach((bytes, file) =>
      writeFileSync(join(source, `ZQ_${one.name}`, `ZQ^${file}.dcm`), bytes),
    );
  });
  writeFileSync(join(source, "ZQ_array.npy"), "no array");
  mkdirSync(join(source, "ZQ_pictures"));
  for (const k of [1, 2, 4]) writeFileSync(join(source, "ZQ_pictures", `ZQ_${k}.png`), "");
  const labels = join(folder, "labels.csv");
  writeFileSync(labels, ["path,label", ...[good, ...refused].map(({ name }) => `ZQ_${name},0`)].join("\n"));
  return { source, labels };
}

const contents = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .map((file) => `${file.slice(folder.length)}\n${readFileSync(file, "latin1")}`);

test("all refusals at once: the terminal names files and folders, the files of the data set do not", async (t) => {
  const folder = temporaryFolder(t);
  const { source, labels } = writeSource(folder);
  const saltFile = join(folder, "salt");
  writeFileSync(saltFile, "a secret of sixteen or more\n");
  const destination = join(folder, "set");
  const messages: string[] = [];
  const settings = {
    source,
    labels,
    saltFile,
    series: "thinnest",
    skipUnlabelled: true,
    size: [6, 6] as [number, number],
    depth: 4,
  };
  const onProgress = ({ message = "" }) => messages.push(message);
  const { info, quarantined } = await prepare({ ...settings, destination, onProgress });

  for (const text of contents(destination)) assert.doesNotMatch(text, MARKS);
  assert.equal(info.quarantined?.length, quarantined.length);
  assert.ok(quarantined.length >= refused.length, `${quarantined.length} of ${refused.length}`);
  for (const { path, source: name, reason, kept } of quarantined) {
    assert.match(path, /^ZQ_/);
    assert.match(name, /^(dicom|file) [0-9a-f]{12}$/);
    assert.deepEqual(
      info.quarantined.find((one) => one.source === name && one.reason === kept)?.reason,
      kept,
    );
    assert.doesNotMatch(kept, /the messages of the preparation say why/, path);
    assert.ok(!reason.includes(folder), reason);
  }
  const shown = quarantined.map(({ reason }) => reason).join("\n");
  assert.match(
    shown,
    /the widest between z = \S+ mm \(ZQ_uneven\/ZQ\^\d\.dcm\) and z = \S+ mm \(ZQ_uneven\/ZQ\^\d\.dcm\)/,
  );
  assert.match(messages.join("\n"), /ZQ_gap .* is left out: .*2 slices are missing between .*ZQ_gap\/ZQ/);

  const kept = await prepare({ ...settings, keepIds: true, destination: join(folder, "kept") });
  assert.equal(kept.info.recipe["source"], PATIENT);
  assert.ok(
    kept.info.quarantined!.some(
      ({ source: name, reason }) => /^ZQ_gap/.test(name) && /ZQ_gap\/ZQ/.test(reason),
    ),
  );
});

test("if nothing can be prepared, the error names a file, and no working folder is left", async (t) => {
  const folder = temporaryFolder(t);
  const source = join(folder, PATIENT);
  mkdirSync(source);
  filesOf(
    cases.find(({ name }) => name === "gap")!,
    "A",
  ).forEach((bytes, k) => writeFileSync(join(source, `ZQ^${k}.dcm`), bytes));
  const labels = join(folder, "labels.csv");
  writeFileSync(labels, "PatientID,label\nP1,0\n");
  const saltFile = join(folder, "salt");
  writeFileSync(saltFile, "a secret of sixteen or more\n");
  const destination = join(folder, "set");
  await assert.rejects(
    prepare({ source, labels, saltFile, destination }),
    /none of 1 volumes could be prepared; .*slice.* missing between z = .*ZQ\^\d\.dcm/,
  );
  assert.ok(!existsSync(join(folder, ".set.prepare")));
});

test("a line that has already named a file does not repeat its name or its full path", () => {
  const reason = "not readable as NIfTI: the gzip stream ends early";
  for (const name of ["scans/a.nii.gz", resolve("scans/a.nii.gz")])
    assert.equal(withoutPrefix(`${name}: ${reason}`, "scans/a.nii.gz"), reason);
  assert.equal(withoutPrefix(`scans/b.nii.gz: ${reason}`, "scans/a.nii.gz"), `scans/b.nii.gz: ${reason}`);
});
