import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { gzipSync } from "node:zlib";
import type { Announced } from "../src/bytes/gather.js";
import { VolumeFormatError } from "../src/index.js";
import { ByteStream } from "../src/node/byte-stream.js";
import { fixture, temporaryFolder } from "./fixtures.js";

const announcedIn = (file: string, bytes = 120): Announced => ({
  file,
  format: "NIfTI",
  bytes,
  what: "5 x 4 x 3 int16",
});

/** In chunks, as files larger than 256 MiB are read. */
async function inPieces(path: string, bytes?: number): Promise<Uint8Array> {
  await using stream = await ByteStream.open(path, "NIfTI", { wholeStoredBytes: 0 });
  assert.equal((await stream.peek(540)).length > 0, true);
  return await stream.voxels(announcedIn(path, bytes), 352);
}

async function inOneCall(path: string, bytes?: number): Promise<Uint8Array> {
  await using stream = await ByteStream.open(path, "NIfTI");
  return await stream.voxels(announcedIn(path, bytes), 352);
}

test("voxels: in chunks and in one call, the same bytes (int16.nii.gz, and 5 MB of them)", async () => {
  const small = fixture("int16.nii.gz");
  const expected = new Uint8Array((await readFile(fixture("int16.nii"))).subarray(352));
  assert.deepEqual(new Uint8Array(await inPieces(small)), expected);
  assert.deepEqual(new Uint8Array(await inOneCall(small)), expected);
  await using folder = await temporaryFolder();
  const path = join(folder.path, "large.gz");
  const voxels = Uint8Array.from({ length: 5_000_000 }, (_, i) => (i * i) >> 5);
  // Two members, as pigz -i and bgzip write them.
  await writeFile(path, Buffer.concat([gzipSync(new Uint8Array(352)), gzipSync(voxels)]));
  for (const read of [inPieces, inOneCall])
    assert.ok(Buffer.from(await read(path, 5_000_000)).equals(voxels), read.name);
});

test("voxels: truncated, damaged, too short and too long data are refused in both ways", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "a.gz");
  const whole = await readFile(fixture("int16.nii"));
  const gzip = gzipSync(whole);
  const wrong = Buffer.from(gzip);
  wrong[wrong.length - 6] = (wrong[wrong.length - 6] ?? 0) ^ 1;
  for (const [bytes, words] of [
    [gzip.subarray(0, -3), /ends early/],
    [gzip.subarray(0, 60), /ends early/],
    [wrong, /damaged \(Z_DATA_ERROR\)/],
    [gzipSync(whole.subarray(0, -2)), /the file holds 118/],
    [gzipSync(Buffer.concat([whole, Buffer.alloc(70_000)])), /continues for more than 65536 bytes/],
    [gzipSync(Buffer.concat([whole, Buffer.alloc(2 ** 25)])), /continues for more than 65536 bytes/],
  ] as const) {
    await writeFile(path, bytes);
    for (const read of [inPieces, inOneCall])
      await assert.rejects(
        read(path),
        (error) => error instanceof VolumeFormatError && words.test(error.message),
        read.name,
      );
  }
});

test("peek: the start of a gzip file with a long name, and no more than requested", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "a.gz");
  const content = Buffer.from("the start of a file, and its end");
  const plain = gzipSync(content);
  // RFC 1952: flag 8, then a name that ends with 0.
  const named = Buffer.concat([
    plain.subarray(0, 10),
    Buffer.alloc(30_000, "n"),
    Buffer.from([0]),
    plain.subarray(10),
  ]);
  named[3] = 8;
  await writeFile(path, named);
  await using stream = await ByteStream.open(path, "NIfTI");
  assert.equal(Buffer.from(await stream.peek(9)).toString(), "the start");
  assert.equal((await stream.peek(1000)).length, content.length);
});
