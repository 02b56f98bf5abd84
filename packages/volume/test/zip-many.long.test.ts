/** A PACS export of 70 000 files, more than the old directory of a zip can count, in bounded memory. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import test from "node:test";
import { deflateRawSync } from "node:zlib";
import { temporaryFolder } from "./fixtures.js";
import { writeZip, type ZipMember } from "./zip-writer.js";

const COUNT = 70_000;
const data = Buffer.alloc(600, "a line of a header ");

function* members(): Generator<ZipMember> {
  const stored = deflateRawSync(data);
  for (let k = 0; k < COUNT; k++) yield { name: `PAT${k % 300}/IM${k}.dcm`, data, stored };
}

/** Reads every file of the archive and keeps the bytes, like the reader of headers. */
const script = `
const { openZipFile } = await import(process.argv[1]);
const archive = await openZipFile(process.argv[2]);
const held = [];
for (const entry of archive.entries) for await (const piece of entry.stream()) held.push(piece);
await archive.close();
const bytes = held.reduce((sum, { length }) => sum + length, 0);
console.log(JSON.stringify({ files: archive.entries.length, bytes, peakMb: process.resourceUsage().maxRSS / 1024 }));
`;

test(`${COUNT} small files of one archive are listed and read in less than 400 MB`, async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "many.zip");
  writeZip(path, members());
  const module = new URL("../src/node.js", import.meta.url).href;
  const options = { encoding: "utf8" } as const;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ["--input-type=module", "-e", script, module, path],
    options,
  );
  assert.match(stdout, /^\{/, stderr);
  const { files, bytes, peakMb } = JSON.parse(stdout) as { files: number; bytes: number; peakMb: number };
  assert.deepEqual([files, bytes], [COUNT, COUNT * data.length]);
  assert.ok(peakMb < 400, `${peakMb} MB`);
});
