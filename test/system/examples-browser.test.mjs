/**
 * examples/browser: built by Vite, served under a strict content security policy, and used in Chromium with the network
 * off. Its probabilities are those of Node's Predictor with the bundle of the same model.
 */
import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, extname, join } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { build } from "vite";
import { Predictor } from "@slicestack/pipeline";
import { bytesOf, caseOf } from "../../packages/volume/dist/test/dicom/cases.js";
import { zipOf } from "../../packages/volume/dist/test/zip-writer.js";
import { smallModel, writeDicomSeries } from "./small-model.mjs";

const CHROMIUM = "/usr/bin/chromium";
const skip = existsSync(CHROMIUM) ? false : `${CHROMIUM} is missing: apt-get install chromium`;
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
];
const PATIENCE = 240_000;
const root = join(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "slicestack-browser-"));
process.env.XDG_CACHE_HOME = join(folder, "cache");

/** No network but the server itself, no inline script, no eval. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self' blob:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");
const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".wasm": "application/wasm",
  ".svg": "image/svg+xml",
};

let small;
let server;
let browser;
let page;
let model;
const dicom = join(folder, "study/CT");
const complaints = [];
const requests = [];

before(async () => {
  if (skip !== false) return;
  small = await smallModel(folder);
  await writeDicomSeries(small.scan, dicom);
  model = await Predictor.open(small.bundle, { precision: "float32" });
  const site = join(folder, "site");
  await build({
    root: join(root, "examples/browser"),
    logLevel: "error",
    build: { outDir: site, emptyOutDir: true },
  });
  server = createServer((request, response) => {
    const path = join(site, request.url === "/" ? "index.html" : decodeURIComponent(request.url));
    const body = existsSync(path) ? readFileSync(path) : null;
    const type = TYPES[extname(path)] ?? "application/octet-stream";
    response.writeHead(body === null ? 404 : 200, {
      "content-type": type,
      "content-security-policy": POLICY,
    });
    response.end(body);
  });
  await new Promise((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${server.address().port}/`;
  browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  const context = await browser.newContext();
  page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  context.on("request", (request) => requests.push(request.url()));
  await page.goto(origin);
  await status("Choose a model.");
  assert.ok(
    requests.every((url) => url.startsWith(origin) || url.startsWith("data:")),
    requests.join("\n"),
  );
  await context.setOffline(true);
  await page.setInputFiles("#model", small.graph);
  await status("Choose scans.");
});
after(async () => {
  await browser?.close();
  server?.close();
  await model?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const status = (text) => page.locator("#status").getByText(text, { exact: true }).waitFor();

/** What the page says of these files, by the field that takes them. */
async function predicted(field, files) {
  await page.setInputFiles(field, files);
  await page.waitForFunction(() =>
    /predicted\.$/.test(globalThis.document.querySelector("#status").textContent),
  );
  return page.locator("article").evaluateAll((cards) =>
    cards.map((card) => ({
      id: card.dataset.id ?? null,
      probabilities: JSON.parse(card.dataset.probabilities ?? "null"),
      text: card.innerText,
      warnings: [...card.querySelectorAll(".warning")].map(({ textContent }) => textContent),
    })),
  );
}

function assertSame(card, result) {
  assert.equal(card.id, result.id);
  for (const [name, value] of Object.entries(result.probabilities)) {
    const difference = Math.abs(card.probabilities[name] - value);
    assert.ok(difference < 1e-4, `${name}: ${card.probabilities[name]} in Chromium, ${value} on Node`);
  }
  assert.ok(card.text.includes(`\n${result.decision.class}\n`), card.text);
  assert.match(card.text, /Calibrated probabilities/);
  assert.match(card.text, /Slice \d+ of 8, from the feet, weight 0\.\d{3}/);
  // The graph does not give the embedding, which Node compares as well.
  const notes = result.warnings.filter(({ code }) => code !== "embedding").map(({ message }) => message);
  assert.deepEqual(
    card.warnings,
    notes.map((message) => `Note: ${message}.`),
  );
}

test(
  "a DICOM folder, the same in a zip, and NIfTI: probabilities and decisions are Node's",
  { skip },
  async () => {
    const [expected] = await model.predict(dicom, { jobs: 1 });
    const [card, ...others] = await predicted("#folder", join(folder, "study"));
    assert.deepEqual(others, []);
    assertSame(card, expected);
    const zip = join(folder, "study.zip");
    const members = readdirSync(dicom).map((name) => ({
      name: `CT/${name}`,
      data: readFileSync(join(dicom, name)),
    }));
    writeFileSync(zip, zipOf(members));
    const cards = await predicted("#files", [zip, small.scan, small.other]);
    const files = await model.predict([small.scan, small.other], { jobs: 1 });
    for (const result of [expected, ...files])
      assertSame(
        cards.find(({ id }) => id === result.id),
        result,
      );
    const [one, other] = files.map(({ probabilities }) => probabilities.clear);
    assert.ok(Math.abs(one - other) > 0.002, "the comparison tells scans from each other");
  },
);

const real = join(root, "../shared/data/dicom_lung_pet_ct_dx/philips_chest_5mm");
const withoutReal = existsSync(real) ? skip : "no ../shared/data/dicom_lung_pet_ct_dx";

test("a real chest CT of 64 slices: the probabilities are Node's", { skip: withoutReal }, async () => {
  const [expected] = await model.predict(real, { jobs: 1 });
  const [card] = await predicted("#folder", real);
  assertSame(card, expected);
});

test("compressed DICOM is read under the policy, without the network", { skip }, async () => {
  const compressed = join(folder, "compressed");
  for (const [name, place] of caseOf("jpeg-ls").files) {
    mkdirSync(dirname(join(compressed, name)), { recursive: true });
    writeFileSync(join(compressed, name), bytesOf(place));
  }
  const [expected] = await model.predict(compressed, { jobs: 1 });
  const [card] = await predicted("#folder", compressed);
  assertSame(card, expected);
});

test(
  "what is no scan has its reason, and what is no graph is refused; the page goes on",
  { skip },
  async () => {
    const [card] = await predicted("#files", {
      name: "notes.txt",
      mimeType: "text/plain",
      buffer: Buffer.from("no scan"),
    });
    assert.match(card.text, /notes\.txt\s+Not predicted: /);
    await page.setInputFiles("#model", { name: "other.onnx", mimeType: "", buffer: Buffer.from("no graph") });
    await page
      .locator("#status")
      .getByText(/not a whole ONNX graph|no metadata of Slicestack/)
      .waitFor();
    await page.setInputFiles("#model", small.graph);
    await status("Choose scans.");
  },
);

test(
  "the page keeps to itself: no request after it was loaded, no complaint of the browser",
  { skip },
  () => {
    assert.deepEqual(
      requests.filter((url) => !/^(data|blob):|^http:\/\/127\.0\.0\.1:/.test(url)),
      [],
    );
    assert.deepEqual(complaints, []);
  },
);
