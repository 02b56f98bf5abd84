/** multipart/related: the same parts however the bytes are cut, and nothing but whole bodies. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { boundaryOf, MultipartError, readMultipart, writeMultipart } from "../../src/dicomweb/multipart.js";

interface Part {
  headers: Record<string, string>;
  content: string;
}

async function* cut(body: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < body.length; at += size) {
    await Promise.resolve();
    yield body.subarray(at, at + size);
  }
}

async function partsOf(body: Buffer, size: number, boundary = "b"): Promise<Part[]> {
  const parts: Part[] = [];
  const count = await readMultipart(cut(body, size), boundary, (headers) => {
    const pieces: Buffer[] = [];
    return {
      write: (piece) => pieces.push(Buffer.from(piece)),
      end: () =>
        parts.push({
          headers: Object.fromEntries(headers),
          content: Buffer.concat(pieces).toString("latin1"),
        }),
    };
  });
  assert.equal(count, parts.length);
  return parts;
}

const BODY = Buffer.from(
  "preamble\r\n--b\r\nContent-Type: application/dicom\r\nX-One: 1:2\r\n\r\n\r\n--\r\n--a\r\n--b  \r\n\r\nno headers\r\n--b\r\nA: b\r\n\r\n--b--\r\nepilogue",
  "latin1",
);
const EXPECTED: Part[] = [
  { headers: { "content-type": "application/dicom", "x-one": "1:2" }, content: "\r\n--\r\n--a" },
  { headers: {}, content: "no headers" },
  { headers: { a: "b" }, content: "" },
];

test("the parts do not depend on how the bytes arrive; what looks like a boundary is content", async () => {
  for (const size of [1, 2, 3, 5, 8, 13, 1000])
    assert.deepEqual(await partsOf(BODY, size), EXPECTED, `${size} bytes`);
});

test("a body that is cut before its last boundary is refused, wherever it is cut", async () => {
  const last = BODY.indexOf("--b--") + 5;
  for (let length = 0; length < last; length++)
    await assert.rejects(partsOf(BODY.subarray(0, length), 7), (error) => {
      assert.ok(error instanceof MultipartError && error.isTruncated, `${length}: ${String(error)}`);
      return true;
    });
  assert.equal((await partsOf(BODY.subarray(0, last), 7)).length, 3);
});

test("headers without an end and text behind a boundary are refused in bounded memory", async () => {
  const endless = Buffer.from(`--b\r\n${"A: b\r\n".repeat(20_000)}`);
  await assert.rejects(partsOf(endless, 1000), /headers of a part do not end/);
  await assert.rejects(
    partsOf(Buffer.from("--b\r\n\r\nx\r\n--bc\r\n\r\ny\r\n--b--"), 100),
    /followed by text/,
  );
});

test("what is written is read back; boundaries are found in quotes and without", async () => {
  const contents = ["first", "", "\r\n--bound\r\n", "last"];
  const pieces: Uint8Array[] = [];
  const written = writeMultipart(contents, "bound-ary", "application/dicom", (one) =>
    cut(Buffer.from(one), 3),
  );
  for await (const piece of written) pieces.push(piece);
  const parts = await partsOf(Buffer.concat(pieces), 4, "bound-ary");
  assert.deepEqual(
    parts.map(({ content }) => content),
    contents,
  );
  assert.equal(boundaryOf('multipart/related; type="application/dicom"; boundary="a b:c"'), "a b:c");
  assert.equal(boundaryOf("Multipart/Related; boundary=abc; type=x"), "abc");
  for (const other of ["application/dicom", "multipart/related", "multipart/mixed; boundary=a", ""])
    assert.equal(boundaryOf(other), null, other);
});
