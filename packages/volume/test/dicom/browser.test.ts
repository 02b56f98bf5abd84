import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { build } from "esbuild";
import { chromium, type Browser, type Page } from "playwright-core";
import { readDicomSeries, scanDicom, type DicomSeries } from "../../src/index.js";
import { bytesOf, caseOf, sourcesOf } from "./cases.js";

const CHROMIUM = "/usr/bin/chromium";
const skip = existsSync(CHROMIUM) ? false : `${CHROMIUM} is missing: apt-get install chromium`;
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
];
const WASM = "dcmjs-native-codecs.wasm";
const wasm = join(dirname(createRequire(import.meta.url).resolve("dcmjs-codecs")), WASM);

/** The script of the page: the package's entry point for browsers, and files as a browser provides them. */
const ENTRY = `
  import { readDicomSeries, scanDicom } from "./index.js";
  globalThis.readFiles = async (files) => {
    const blobs = files.map(([name, base64]) => [name, new Blob([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))])]);
    const bytes = async (blob) => new Uint8Array(await blob.arrayBuffer());
    const sources = blobs.map(([name, blob]) =>
      ({ name, size: blob.size, read: () => bytes(blob), head: (most) => bytes(blob.slice(0, most)) }));
    const { series } = await scanDicom(sources);
    const { data, shape } = await readDicomSeries(series[0], { codecUrl: "/${WASM}" });
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
    return { shape, sha256: Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("") };
  };
`;

let server: Server | undefined;
let browser: Browser | undefined;
let page: Page | undefined;
/** Names of the files that the page requested. */
const asked: string[] = [];

before(async () => {
  if (skip !== false) return;
  const { outputFiles } = await build({
    stdin: { contents: ENTRY, resolveDir: join(import.meta.dirname, "../../src") },
    bundle: true,
    platform: "browser",
    format: "esm",
    splitting: true,
    write: false,
    outdir: "out",
    logLevel: "silent",
  });
  const files = new Map<string, Uint8Array>(
    outputFiles.map(({ path, contents }) => [path.split("/").at(-1) ?? "", contents]),
  );
  files.set(WASM, readFileSync(wasm));
  server = createServer((request, response) => {
    const name = (request.url ?? "/").slice(1);
    const body = files.get(name);
    const type = name.endsWith(".js")
      ? "text/javascript"
      : name.endsWith(".wasm")
        ? "application/wasm"
        : "text/html";
    response.writeHead(body === undefined && name !== "" ? 404 : 200, { "content-type": type });
    response.end(
      body ?? '<!doctype html><title>volume</title><script type="module" src="/stdin.js"></script>',
    );
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  page = await browser.newPage();
  page.on("request", (request) => asked.push(request.url().split("/").at(-1) ?? ""));
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await page.waitForFunction("globalThis.readFiles !== undefined");
});

after(async () => {
  await browser?.close();
  server?.close();
});

const PLAIN = ["implicit", "deflated", "padding", "tilt", "multi-frame"];
const COMPRESSED = ["rle", "jpeg-lossless-1", "jpeg-ls", "jpeg-2000", "htj2k"];

for (const name of [...PLAIN, ...COMPRESSED]) {
  test(`DICOM ${name} in Chromium: the voxels that Node reads`, { skip }, async () => {
    const dicomCase = caseOf(name);
    const { series } = await scanDicom(sourcesOf(dicomCase));
    const { data, shape } = await readDicomSeries(series[0] as DicomSeries);
    const sha256 = createHash("sha256").update(new Uint8Array(data.buffer)).digest("hex");
    const files = dicomCase.files.map(([file, place]) => [
      file,
      Buffer.from(bytesOf(place)).toString("base64"),
    ]);
    const summary: unknown = await page?.evaluate(`readFiles(${JSON.stringify(files)})`);
    assert.deepEqual(summary, { shape, sha256 });
    assert.equal(
      asked.includes(WASM),
      COMPRESSED.includes(name),
      "the codecs are fetched with the first compressed file",
    );
  });
}
