import assert from "node:assert/strict";
import { readdir, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { parseNifti, VolumeFormatError } from "../src/index.js";
import { readNifti, readNiftiHeader } from "../src/node.js";
import { fixture, fixtureBytes, temporaryFolder } from "./fixtures.js";

test("truncation of .nii anywhere is a VolumeFormatError, from memory and from the file", async () => {
  await using folder = await temporaryFolder();
  const bytes = new Uint8Array(await fixtureBytes("int16.nii"));
  for (const length of [0, 1, 2, 100, 347, 348, 351, 352, 353, bytes.length - 1]) {
    assert.throws(() => parseNifti(bytes.slice(0, length).buffer), VolumeFormatError, `${length} bytes`);
    const path = join(folder.path, `${length}.nii`);
    await writeFile(path, bytes.subarray(0, length));
    await assert.rejects(readNifti(path), VolumeFormatError, `${length} bytes`);
  }
});

test("truncation of .nii.gz anywhere is a VolumeFormatError: in the header, the voxels and the checksum", async () => {
  await using folder = await temporaryFolder();
  const bytes = new Uint8Array(await fixtureBytes("int16.nii.gz"));
  for (let length = 0; length < bytes.length; length += length < 30 || length > bytes.length - 12 ? 1 : 17) {
    const path = join(folder.path, "short.nii.gz");
    await writeFile(path, bytes.subarray(0, length));
    await assert.rejects(readNifti(path), VolumeFormatError, `${length} of ${bytes.length} bytes`);
  }
});

test("a wrong gzip checksum is a VolumeFormatError, although all voxels are complete", async () => {
  await using folder = await temporaryFolder();
  const bytes = new Uint8Array(await fixtureBytes("int16.nii.gz"));
  const at = bytes.length - 6;
  bytes[at] = (bytes[at] as number) ^ 1;
  const path = join(folder.path, "checksum.nii.gz");
  await writeFile(path, bytes);
  await assert.rejects(
    readNifti(path),
    (error) => error instanceof VolumeFormatError && /damaged/.test(error.message),
  );
});

test("a small gzip whose header declares gigabytes is refused before memory is allocated", async () => {
  await using folder = await temporaryFolder();
  const header = new Uint8Array(gunzipSync(new Uint8Array(await fixtureBytes("int16.nii.gz"))));
  const view = new DataView(header.buffer, header.byteOffset);
  [2000, 2000, 2000].forEach((n, i) => view.setInt16(42 + 2 * i, n, true));
  const path = join(folder.path, "absurd.nii.gz");
  await writeFile(path, gzipSync(header));
  const before = process.memoryUsage().arrayBuffers;
  await assert.rejects(
    readNifti(path),
    (error) => error instanceof VolumeFormatError && /hold at most/.test(error.message),
  );
  assert.ok(process.memoryUsage().arrayBuffers - before < 64e6);
});

test("a gzip bomb (64 MiB of zeros behind a small volume) is refused and not inflated to its end", async () => {
  await using folder = await temporaryFolder();
  const start = gunzipSync(new Uint8Array(await fixtureBytes("int16.nii.gz")));
  const path = join(folder.path, "bomb.nii.gz");
  await writeFile(path, gzipSync(Buffer.concat([start, Buffer.alloc(2 ** 26)]), { level: 1 }));
  await assert.rejects(
    readNifti(path),
    (error) => error instanceof VolumeFormatError && /continues for more than/.test(error.message),
  );
});

const noProc = existsSync("/proc/self/fd") ? false : "no /proc/self/fd to count open files in";

test(
  "no file stays open after a read, a read of the header, or a refusal (by /proc/self/fd)",
  { skip: noProc },
  async () => {
    const open = async () => (await readdir("/proc/self/fd")).length;
    const before = await open();
    for (let round = 0; round < 30; round++) {
      for (const name of ["int16.nii", "int16.nii.gz"]) {
        await readNifti(fixture(name));
        await readNiftiHeader(fixture(name));
      }
      for (const name of ["npy_int16.npy", "complex.nii", "."])
        await assert.rejects(readNifti(fixture(name)));
    }
    // The compressed side of a stream closes slightly later than the other.
    for (let wait = 0; wait < 200 && (await open()) > before; wait++)
      await new Promise((resolve) => setTimeout(resolve, 5));
    assert.ok((await open()) <= before, `${await open()} open, ${before} before`);
  },
);
