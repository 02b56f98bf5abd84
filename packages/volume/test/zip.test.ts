import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { blobSource, bytesSource, openZip, VolumeFormatError, type ZipArchive } from "../src/index.js";
import { openZipFile } from "../src/node.js";
import { temporaryFolder } from "./fixtures.js";
import { python, without } from "./python.js";
import { zipOf } from "./zip-writer.js";

const zipfile = without("zipfile");
const hash = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** Stored, deflated, zip64 in every header, names beyond ASCII, an empty file, a folder; by Python's zipfile. */
const WRITE = `
import hashlib, json, os, sys, zipfile
contents = {"a.txt": b"hello", "folder/b.bin": os.urandom(300000), "folder/zeros.bin": bytes(5000000), "empty": b"", "größe/ç.dcm": b"x" * 1000}
with zipfile.ZipFile(sys.argv[1], "w") as z:
    z.writestr("folder/", b"")
    for number, (name, data) in enumerate(contents.items()):
        info = zipfile.ZipInfo(name)
        info.compress_type = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED][number % 2]
        with z.open(info, "w", force_zip64=number == 2) as f:
            f.write(data)
print(json.dumps({name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}))
`;

async function hashes(archive: ZipArchive): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of archive.entries) {
    const bytes = await entry.read();
    assert.equal(bytes.length, entry.size);
    found[entry.name] = hash(bytes);
  }
  return found;
}

test("openZip: what Python's zipfile writes, from a file, a Blob and memory", { skip: zipfile }, async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "a.zip");
  const expected = python<Record<string, string>>(WRITE, path);
  await using file = await openZipFile(path);
  assert.deepEqual(await hashes(file), expected);
  const bytes = await readFile(path);
  assert.deepEqual(await hashes(await openZip(blobSource(new Blob([bytes])))), expected);
  assert.deepEqual(await hashes(await openZip(bytesSource(bytes))), expected);
});

/** A sparse archive: 4.5 GB of zeros that are never written, then a second file, then a zip64 directory. */
const WRITE_LARGE = `
import json, struct, sys, zlib
first, size = b"first.bin", 4831838208
second, data = b"second.bin", b"beyond four gigabytes"
def local(name, stored, crc):
    extra = struct.pack("<HHQQ", 1, 16, stored, stored)
    return struct.pack("<IHHHHHIIIHH", 0x04034B50, 45, 0, 0, 0, 0x21, crc, 0xFFFFFFFF, 0xFFFFFFFF, len(name), len(extra)) + name + extra
def central(name, stored, crc, offset):
    extra = struct.pack("<HHQQQ", 1, 24, stored, stored, offset)
    return struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 45, 45, 0, 0, 0, 0x21, crc, 0xFFFFFFFF, 0xFFFFFFFF, len(name), len(extra), 0, 0, 0, 0, 0xFFFFFFFF) + name + extra
with open(sys.argv[1], "wb") as f:
    f.write(local(first, size, 0))
    f.seek(size, 1)
    offset = f.tell()
    f.write(local(second, len(data), zlib.crc32(data)) + data)
    start = f.tell()
    directory = central(first, size, 0, 0) + central(second, len(data), zlib.crc32(data), offset)
    f.write(directory)
    end = f.tell()
    f.write(struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, 2, 2, len(directory), start))
    f.write(struct.pack("<IIQI", 0x07064B50, 0, end, 1))
    f.write(struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0))
print(json.dumps(size))
`;

test(
  "openZipFile: zip64, a file of 4.5 GB and one after it (a sparse archive)",
  { skip: zipfile },
  async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "large.zip");
    const size = python<number>(WRITE_LARGE, path);
    await using archive = await openZipFile(path);
    const [first, second] = archive.entries;
    assert.deepEqual([first?.name, first?.size, second?.name], ["first.bin", size, "second.bin"]);
    assert.equal(new TextDecoder().decode(await second?.read()), "beyond four gigabytes");
    await assert.rejects(
      first?.read() ?? Promise.resolve(),
      /"first.bin" has 4831838208 bytes, the limit is 4294967296/,
    );
    for await (const piece of first?.stream() ?? []) {
      assert.ok(piece.length > 0 && piece.every((byte) => byte === 0));
      break;
    }
  },
);

const refuses = (words: RegExp) => (error: unknown) => {
  assert.ok(error instanceof VolumeFormatError, String(error));
  assert.equal(error.format, "zip");
  assert.match(error.message, words);
  return true;
};
const text = new TextEncoder().encode("some bytes, some bytes, some bytes, some bytes");

test("openZip refuses names that leave the archive or appear twice, encryption and unknown methods", async () => {
  const cases: [Parameters<typeof zipOf>[0], RegExp][] = [
    [[{ name: "../a.dcm", data: text }], /damaged or ambiguous/],
    [[{ name: "a/../../b.dcm", data: text }], /damaged or ambiguous/],
    [[{ name: "/etc/passwd", data: text }], /damaged or ambiguous/],
    [[{ name: "C:\\a.dcm", data: text }], /damaged or ambiguous/],
    [[{ name: "..\\a.dcm", data: text }], /damaged or ambiguous/],
    [
      [
        { name: "a", data: text },
        { name: "a", data: text },
      ],
      /damaged or ambiguous/,
    ],
    [[{ name: "a", data: text, flags: 1 }], /"a" is encrypted/],
    [[{ name: "a", data: text, method: 12 }], /"a" is compressed by method 12/],
  ];
  for (const [files, words] of cases) {
    await assert.rejects(openZip(bytesSource(zipOf(files))), refuses(words), JSON.stringify(files[0]?.name));
  }
});

test("openZip refuses impossible sizes and exceeded limits before anything is inflated", async () => {
  const bomb = { name: "a", data: new Uint8Array(1000), declared: 2 ** 31 };
  await assert.rejects(openZip(bytesSource(zipOf([bomb]))), refuses(/declares 2147483648 bytes/));
  const stored = { name: "a", data: text, method: 0, declared: text.length + 1 };
  await assert.rejects(openZip(bytesSource(zipOf([stored]))), refuses(/declares 47 bytes/));
  const many = Array.from({ length: 30 }, (_, i) => ({ name: `${i}`, data: text }));
  const bytes = bytesSource(zipOf(many));
  await assert.rejects(openZip(bytes, { limits: { entries: 29 } }), refuses(/at most 29 entries/));
  await assert.rejects(openZip(bytes, { limits: { totalBytes: 1000 } }), refuses(/the limit is 1000/));
  const [entry] = (await openZip(bytes, { limits: { entryBytes: 10 } })).entries;
  await assert.rejects(entry?.read() ?? Promise.resolve(), refuses(/"0" has 46 bytes, the limit is 10/));
  const overlapping = zipOf([{ name: "kernel", data: text }], { repeat: 300 });
  await assert.rejects(openZip(bytesSource(overlapping)), refuses(/overlaps the following file/));
});

test("an entry that unpacks to more, to less, or to other bytes than declared is refused while it is read", async () => {
  const zeros = new Uint8Array(300_000);
  for (const [file, words] of [
    [{ name: "a", data: zeros, declared: 1000 }, /unpacks to more/],
    [{ name: "a", data: zeros, declared: 300_001 }, /unpacks to 300000/],
    [{ name: "a", data: text, crc: 1 }, /checksum of "a" is wrong/],
    [{ name: "a", data: text, method: 0, crc: 1 }, /checksum of "a" is wrong/],
  ] as const) {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "a.zip");
    await writeFile(path, zipOf([file]));
    await using onDisk = await openZipFile(path);
    const inMemory = await openZip(bytesSource(zipOf([file])));
    for (const { entries } of [onDisk, inMemory])
      await assert.rejects(entries[0]?.read() ?? Promise.resolve(), refuses(words), String(words));
  }
});

test("truncated anywhere, an archive is refused when it is opened", async () => {
  const bytes = zipOf([
    { name: "a", data: text },
    { name: "b", data: new Uint8Array(500) },
  ]);
  for (let length = 0; length < bytes.length; length++)
    await assert.rejects(
      openZip(bytesSource(bytes.subarray(0, length))),
      VolumeFormatError,
      `${length} bytes`,
    );
});

test("leaving a stream early stops it: the next read works, and the file can be closed", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "a.zip");
  const random = Uint8Array.from({ length: 2_500_000 }, (_, i) => (i * i) >> 3);
  await writeFile(path, zipOf([{ name: "a", data: random }]));
  const archive = await openZipFile(path);
  const [entry] = archive.entries;
  for (let round = 0; round < 5; round++) {
    for await (const piece of entry?.stream() ?? []) {
      assert.ok(piece.length < random.length);
      break;
    }
  }
  assert.equal(hash((await entry?.read()) ?? text), hash(random));
  await archive.close();
});

test("small files are inflated into small buffers, so that an archive of tens of thousands needs little memory", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "many.zip");
  const data = Buffer.alloc(300, "a line of a header ");
  const members = Array.from({ length: 300 }, (_, k) => ({ name: `${k % 7}/IM${k}.dcm`, data }));
  await writeFile(path, zipOf(members));
  await using archive = await openZipFile(path);
  let held = 0;
  for (const entry of archive.entries)
    for await (const piece of entry.stream()) held += piece.buffer.byteLength;
  assert.ok(held <= 300 * 2 ** 13, `${held} bytes held for ${300 * data.length} bytes of content`);
});
