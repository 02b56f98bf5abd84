import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ExportError } from "../../src/export/export-error.js";
import { prepareView } from "../../src/tasks/export-web.js";
import { zipOf } from "../inspect/zip.js";

const folder = mkdtempSync(join(tmpdir(), "slicestack-prepared-view-"));
const site = join(folder, "site");
const at = (...parts: string[]) => join(folder, ...parts);
let count = 0;
const prepared = (...inputs: string[]) => prepareView({ inputs, site, folder: at(`page-${++count}`) });

before(() => {
  for (const name of ["site", "a/CT", "b/CT", "empty"]) mkdirSync(at(name), { recursive: true });
  writeFileSync(at("site/index.html"), "");
  for (const name of ["a/CT/1.dcm", "stored.dcm"]) writeFileSync(at(name), "a slice");
  symlinkSync(at("stored.dcm"), at("b/CT/linked.dcm"));
  symlinkSync(at("gone.dcm"), at("b/CT/dangling.dcm"));
});
after(() => rmSync(folder, { recursive: true, force: true }));

test("an .npz and a zip without an extension are scans, although bundles are zips as well", async () => {
  const zip = zipOf(new Map([["arr_0.npy", Buffer.from("an array")]]));
  for (const name of ["scan.npz", "study"]) writeFileSync(at(name), zip);
  const { models, scans } = await prepared(at("scan.npz"), at("study"));
  assert.deepEqual([models, scans], [[], ["scan.npz", "study"]]);
});

test("folders of one name are told apart by the folders around them", async () => {
  const { scans } = await prepared(at("a/CT"), at("b/CT"), at("stored.dcm"));
  assert.deepEqual(scans, ["a/CT", "b/CT", "stored.dcm"]);
  const { scans: listed } = JSON.parse(readFileSync(at(`page-${count}`, "slicestack.json"), "utf8")) as {
    scans: { name: string; files: { name: string }[] }[];
  };
  assert.deepEqual(
    listed.map(({ name, files }) => [name, ...files.map((file) => file.name)]),
    [
      ["a/CT", "CT/1.dcm"],
      ["b/CT", "CT/linked.dcm"],
      ["stored.dcm", "stored.dcm"],
    ],
  );
});

test("a folder without files is refused by name", async () => {
  await assert.rejects(
    prepared(at("empty")),
    (error) => error instanceof ExportError && error.message.includes(at("empty")),
  );
});
