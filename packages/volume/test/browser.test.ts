import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { build } from "esbuild";
import { chromium, type Browser, type Page } from "playwright-core";
import {
  encodeNpyHeader,
  openNpz,
  bytesSource,
  Medmnist,
  reorient,
  resample,
  type Volume,
} from "../src/index.js";
import { readVolume } from "../src/node.js";
import { fixture, raster, realData, temporaryFolder } from "./fixtures.js";
import { formatCases } from "./format-cases/all.js";
import { zipOf } from "./zip-writer.js";

const CHROMIUM = "/usr/bin/chromium";
const skip = existsSync(CHROMIUM) ? false : `${CHROMIUM} is missing: apt-get install chromium`;
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
];

/** What the page returns for a volume: its geometry, and the hash of its values. */
const summary = ({ data, ...rest }: Volume) => ({
  ...rest,
  type: data.constructor.name,
  sha256: createHash("sha256").update(data).digest("hex"),
});
type Summary = ReturnType<typeof summary>;

let browser: Browser | undefined;
let page: Page;
let bundleBytes = 0;
const requests: string[] = [];

before(async () => {
  if (skip !== false) return;
  const contents = `export * from ${JSON.stringify(new URL("../src/index.js", import.meta.url).pathname)}`;
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: new URL(".", import.meta.url).pathname },
    bundle: true,
    minify: true,
    format: "iife",
    globalName: "volume",
    platform: "browser",
    // Fetched with the first compressed file, which dicom/browser.test.ts reads.
    external: ["dcmjs-codecs"],
    write: false,
  });
  const text = outputFiles[0]?.text ?? "";
  bundleBytes = text.length;
  browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  page = await browser.newPage();
  page.on("request", (request) => requests.push(request.url()));
  // A page of localhost counts as secure, so that it has crypto.subtle.
  await page.route("http://localhost/", (route) =>
    route.fulfill({ contentType: "text/html", body: "<title>volume</title>" }),
  );
  await page.goto("http://localhost/");
  await page.addScriptTag({ content: text });
  await page.addScriptTag({ content: PAGE });
});
after(() => browser?.close());

/** Runs in the page: bytes are passed as base64. */
const PAGE = `
const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const hex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
async function summaryOf({ data, ...rest }) {
  return { ...rest, type: data.constructor.name, sha256: hex(await crypto.subtle.digest("SHA-256", data)) };
}
async function parse({ bytes, data, file }) {
  try {
    const options = data === undefined ? { file } : { file, data: bytesOf(data) };
    const { volume: found, format } = await volume.parseVolume(bytesOf(bytes), options);
    return { format, volume: await summaryOf(found) };
  } catch (error) {
    return { name: error.name, message: error.message };
  }
}
async function medmnist(bytes, part) {
  const set = await volume.Medmnist.open(await volume.openNpz(volume.blobSource(new Blob([bytesOf(bytes)]))));
  const hashes = [];
  for await (const { volume: found } of set.inOrder(part)) hashes.push((await summaryOf(found)).sha256);
  return { count: set.volumes.length, hashes };
}
async function prepared(bytes) {
  const { volume: found } = await volume.parseVolume(bytesOf(bytes));
  return await summaryOf(volume.resample(volume.reorient(found), [7, 5, 4]));
}
async function unzipped(bytes) {
  const { entries } = await volume.openZip(volume.blobSource(new Blob([bytesOf(bytes)])));
  return await Promise.all(entries.map(async (entry) => [entry.name, hex(await crypto.subtle.digest("SHA-256", await entry.read()))]));
}
`;
const base64 = async (path: string) => (await readFile(path)).toString("base64");
const inPage = <T>(call: string, ...args: unknown[]) =>
  page.evaluate<T>(`${call}(${args.map((arg) => JSON.stringify(arg)).join(", ")})`);

const FILES: [string, string?][] = [
  [fixture("int16.nii")],
  [fixture("int16.nii.gz")],
  [fixture("nifti2_big_endian.nii.gz")],
  [fixture("uint64_large.nii")],
  [raster("int16.nrrd")],
  [raster("float32_big_endian_gzip.nrrd")],
  [raster("ascii.nrrd")],
  [raster("detached_gzip.nhdr"), raster("detached_gzip.raw.gz")],
  [raster("int16.mha")],
  [raster("float64_msb_zlib.mha")],
  [raster("zlib.mhd"), raster("zlib.zraw")],
  [fixture("npy_float64_big_endian.npy")],
];

for (const [path, data] of FILES) {
  const name = path.replace(/.*\//, "");
  test(
    `parseVolume in Chromium: ${name} as readVolume reads it on Node`,
    { skip, timeout: 120_000 },
    async () => {
      const given = {
        bytes: await base64(path),
        ...(data === undefined ? {} : { data: await base64(data) }),
      };
      const found = await inPage<{ format: string; volume: Summary }>("parse", given);
      const { format, volume } = await readVolume(path);
      assert.deepEqual(found, { format, volume: summary(volume) });
    },
  );
}

test("parseVolume in Chromium: an .npz of one volume", { skip, timeout: 120_000 }, async () => {
  await using folder = await temporaryFolder();
  const found = formatCases.find(({ format, outcome }) => format === "npz" && outcome === "read");
  const path = (await found?.make(folder.path)) ?? "";
  const { volume } = await readVolume(path);
  const inChromium = await inPage<{ volume: Summary }>("parse", { bytes: await base64(path) });
  assert.deepEqual(inChromium.volume, summary(volume));
});

test(
  "reorient and resample in Chromium: the same values as on Node (sform_sheared.nii)",
  { skip, timeout: 120_000 },
  async () => {
    const { volume } = await readVolume(fixture("sform_sheared.nii"));
    const expected = summary(resample(reorient(volume), [7, 5, 4]));
    assert.deepEqual(await inPage<Summary>("prepared", await base64(fixture("sform_sheared.nii"))), expected);
  },
);

test("openZip in Chromium: deflated and stored files of a Blob", { skip, timeout: 120_000 }, async () => {
  const members = [
    { name: "a/IM1", data: Buffer.alloc(300_000, "slice") },
    { name: "b", data: Buffer.from("stored"), method: 0 },
  ];
  const expected = members.map(({ name, data }) => [name, createHash("sha256").update(data).digest("hex")]);
  assert.deepEqual(await inPage("unzipped", Buffer.from(zipOf(members)).toString("base64")), expected);
});

const cut = async (path: string) => (await readFile(path)).subarray(0, -9).toString("base64");

test(
  "Chromium refuses what Node refuses: truncated files, compressed or not, with the same typed error",
  { skip, timeout: 120_000 },
  async () => {
    for (const [path, words] of [
      [fixture("int16.nii"), /the file holds 111/],
      [fixture("int16.nii.gz"), /gzip stream is damaged or ends early/],
      [raster("int16_big_endian_gzip.nrrd"), /gzip stream is damaged or ends early/],
      [raster("int16_msb_zlib.mha"), /zlib stream is damaged or ends early/],
      [fixture("npy_int16.npy"), /the file holds 39/],
    ] as const) {
      const { name, message } = await inPage<{ name: string; message: string }>("parse", {
        bytes: await cut(path),
        file: "a.x",
      });
      assert.equal(name, "VolumeFormatError", path);
      assert.match(message, words);
    }
  },
);

const real = join(realData("adrenalmnist3d"), "adrenalmnist3d.npz");
const withoutReal = existsSync(real) ? skip : "no ../shared/data/adrenalmnist3d/adrenalmnist3d.npz";

test(
  "Medmnist in Chromium: every volume of AdrenalMNIST3D's val part as on Node",
  { skip: withoutReal, timeout: 120_000 },
  async () => {
    const set = await Medmnist.open(await openNpz(bytesSource(await readFile(real))));
    const hashes: string[] = [];
    for await (const { volume } of set.inOrder("val")) hashes.push(summary(volume).sha256);
    assert.equal(hashes.length, 98);
    const found = await inPage("medmnist", await base64(real), "val");
    assert.deepEqual(found, { count: set.volumes.length, hashes });
  },
);

test(
  "the page requests nothing: no wasm, no worker, no CDN; all but the codecs of compressed DICOM below 400 KB",
  { skip, timeout: 120_000 },
  async () => {
    const npy = Buffer.concat([encodeNpyHeader("uint8", [2, 2, 2]), Buffer.alloc(8)]).toString("base64");
    await inPage("parse", { bytes: npy });
    assert.deepEqual(requests, ["http://localhost/"]);
    assert.ok(bundleBytes > 0 && bundleBytes < 400_000, `${bundleBytes} bytes`);
  },
);
