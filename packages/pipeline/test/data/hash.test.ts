/** Files and arrays above 2 GiB, which no single call of Node.js hashes, reads or writes. */
import assert from "node:assert/strict";
import { closeSync, ftruncateSync, openSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { AtomicFileWriter } from "../../src/data/atomic.js";
import { arrayHash, fileHash, fileHashSync } from "../../src/data/hash.js";
import { temporaryFolder } from "./temporary.js";

const bytes = 2 ** 31 + 64;
// sha256sum of a file of that size with an A at its start, a Z at its end, and zeros between.
const expected = "102793ebe9758c6cb4665467da630bc4e747026fc26a3b5df453d587bd26e685";

test("a file above 2 GiB has the hash that sha256sum gives, read synchronously and asynchronously", async (t) => {
  const file = join(temporaryFolder(t), "large");
  const descriptor = openSync(file, "w");
  ftruncateSync(descriptor, bytes); // takes no space between its ends
  writeSync(descriptor, "A", 0);
  writeSync(descriptor, "Z", bytes - 1);
  closeSync(descriptor);
  assert.equal(fileHashSync(file), expected);
  assert.equal(await fileHash(file), expected);
});

test("an array above 2 GiB is hashed and written completely, even if it begins in the middle of its buffer", (t) => {
  const file = join(temporaryFolder(t), "large");
  const array = new Uint8Array(new ArrayBuffer(bytes + 7), 7);
  array[0] = 65;
  array[bytes - 1] = 90;
  assert.equal(arrayHash(array), expected);
  const writer = new AtomicFileWriter(file);
  writer.write(array);
  writer.commit();
  assert.equal(statSync(file).size, bytes);
  assert.equal(fileHashSync(file), expected);
});

test("small and empty files and arrays: the hashes of FIPS 180-2", () => {
  assert.equal(
    arrayHash(new TextEncoder().encode("abc")),
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
  assert.equal(
    arrayHash(new Int16Array(0)),
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  );
});
