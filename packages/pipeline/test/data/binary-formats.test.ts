/** TensorBoard events and PNG to the byte, with checksums worked out here bit by bit from the formats' polynomials. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { inflateSync } from "node:zlib";
import { greyPng } from "../../src/page/grey-png.js";
import { EventFile } from "../../src/train/tensorboard.js";
import { temporaryFolder } from "./temporary.js";

/** Reflected CRC-32 of a polynomial, a bit at a time. */
function crc(bytes: Uint8Array, polynomial: number): number {
  let register = 0xffffffff;
  for (const byte of bytes) {
    register ^= byte;
    for (let bit = 0; bit < 8; bit++) register = (register >>> 1) ^ (register & 1 ? polynomial : 0);
  }
  return (register ^ 0xffffffff) >>> 0;
}
const castagnoli = 0x82f63b78;
const iso3309 = 0xedb88320;

test("the checksums of this test give the published check values for 123456789", () => {
  const digits = Buffer.from("123456789");
  assert.equal(crc(digits, castagnoli), 0xe3069283);
  assert.equal(crc(digits, iso3309), 0xcbf43926);
});

test("EventFile: TFRecord frames with masked CRC-32C around Event messages, as record_writer.h and event.proto have them", (t) => {
  const folder = temporaryFolder(t);
  const before = Date.now() / 1000;
  {
    using events = new EventFile(folder);
    events.scalars(3, { loss: 0.5 });
    events.scalars(300, { "val/f1": -2, lr: 1 });
  }
  const [name] = readdirSync(folder);
  assert.match(name ?? "", /^events\.out\.tfevents\.\d+\./);
  const bytes = readFileSync(join(folder, name ?? ""));
  const masked = (part: Buffer) => {
    const value = BigInt(crc(part, castagnoli));
    return Number((((value >> 15n) | (value << 17n)) + 0xa282ead8n) & 0xffffffffn);
  };
  const messages: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = Number(bytes.readBigUInt64LE(at));
    assert.equal(bytes.readUInt32LE(at + 8), masked(bytes.subarray(at, at + 8)), "length checksum");
    const data = bytes.subarray(at + 12, at + 12 + length);
    assert.equal(bytes.readUInt32LE(at + 12 + length), masked(data), "data checksum");
    messages.push(data);
    at += 16 + length;
  }
  assert.equal(messages.length, 3);
  for (const message of messages) {
    assert.equal(message[0], 0x09, "field 1, wall_time, a double");
    const wallTime = message.readDoubleLE(1);
    assert.ok(wallTime >= before && wallTime < before + 60);
  }
  const rest = messages.map((message) => message.subarray(9).toString("hex"));
  const text = (value: string) => Buffer.from(value).toString("hex");
  assert.deepEqual(rest, [
    `1a0d${text("brain.Event:2")}`,
    `1003 2a0d 0a0b 0a04${text("loss")} 150000003f`.replaceAll(" ", ""),
    `10ac02 2a1a 0a0d 0a06${text("val/f1")} 15000000c0 0a09 0a02${text("lr")} 150000803f`.replaceAll(" ", ""),
  ]);
});

test("EventFile: is written even if Node may not compile code from strings", (t) => {
  const module = new URL("../../src/train/tensorboard.js", import.meta.url).href;
  const code = `const { EventFile } = await import(${JSON.stringify(module)}); new EventFile(${JSON.stringify(temporaryFolder(t))}).scalars(1, { loss: 2 });`;
  const flags = ["--disallow-code-generation-from-strings", "--input-type=module"];
  const { status, stderr } = spawnSync(process.execPath, [...flags, "-e", code], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
});

test("greyPng: signature, chunks with CRC-32, and the pixels after inflating", () => {
  const pixels = Uint8Array.from({ length: 15 }, (_, k) => (k * 53) % 256);
  const png = greyPng(pixels, 5, 3);
  assert.equal(png.toString("hex", 0, 8), "89504e470d0a1a0a");
  const chunks = new Map<string, Buffer>();
  let end = 8;
  while (end < png.length) {
    const length = png.readUInt32BE(end);
    const body = png.subarray(end + 4, end + 8 + length);
    assert.equal(png.readUInt32BE(end + 8 + length), crc(body, iso3309));
    chunks.set(body.toString("latin1", 0, 4), body.subarray(4));
    end += 12 + length;
  }
  assert.equal(end, png.length);
  assert.deepEqual([...chunks.keys()], ["IHDR", "IDAT", "IEND"]);
  // Width, height, 8 bits, grey, deflate, adaptive filters, not interlaced.
  assert.equal(
    chunks.get("IHDR")?.toString("hex"),
    "00000005" + "00000003" + "08" + "00" + "00" + "00" + "00",
  );
  const rows = inflateSync(chunks.get("IDAT") ?? Buffer.alloc(0));
  assert.equal(rows.length, 18);
  for (let y = 0; y < 3; y++) {
    assert.equal(rows[y * 6], 0, "no filter");
    assert.deepEqual([...rows.subarray(y * 6 + 1, y * 6 + 6)], [...pixels.subarray(y * 5, y * 5 + 5)]);
  }
});
