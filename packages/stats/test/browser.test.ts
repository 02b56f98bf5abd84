import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import test, { after, before } from "node:test";
import { build } from "esbuild";
import { chromium, type Browser, type Page } from "playwright-core";
import * as stats from "../src/index.js";
import { simulate } from "./fixture.js";

const CHROMIUM = "/usr/bin/chromium";
const skip = existsSync(CHROMIUM) ? false : `${CHROMIUM} is missing: apt-get install chromium`;
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
];

/** What a viewer computes from predictions: numbers from every folder of the package, as JSON. */
function evaluation(
  { labels, probabilities, subjects }: ReturnType<typeof simulate>,
  library: typeof stats,
): string {
  const val = { part: "val" as const, labels, probabilities, subjects };
  const positive = labels.map((label) => label === 1);
  const scores = probabilities.map((row) => row[1]!);
  return JSON.stringify({
    scores: library.scoreAll(val, 2, 5),
    band: library.rocBand(val, { of: 1, seed: 3, resamples: 50 }),
    delong: library.delongAuroc({ scores, positive, subjects }),
    temperature: library.TemperatureScaling.fit(val),
    threshold: library.DecisionThreshold.fit(val, { kind: "youden" }),
    conformal: library.ConformalPredictor.fit(val, { miss: 0.2, score: "aps", byClass: false }),
    vote: library.meanVote(probabilities),
    random: new library.Random(7).normal(),
  });
}

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
    globalName: "stats",
    platform: "browser",
    write: false,
  });
  const text = outputFiles[0]?.text ?? "";
  bundleBytes = text.length;
  browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  page = await browser.newPage();
  page.on("request", (request) => requests.push(request.url()));
  await page.route("http://localhost/", (route) =>
    route.fulfill({ contentType: "text/html", body: "<title>stats</title>" }),
  );
  await page.goto("http://localhost/");
  await page.addScriptTag({ content: text });
  await page.addScriptTag({ content: evaluation.toString() });
});
after(() => browser?.close());

test("in Chromium every number equals Node's to the last digit", { skip, timeout: 120_000 }, async () => {
  const predictions = simulate({ model: "m", seed: 4, counts: [17, 13], signal: 1 });
  const found = await page.evaluate<string>(`evaluation(${JSON.stringify(predictions)}, stats)`);
  assert.deepEqual(JSON.parse(found), JSON.parse(evaluation(predictions, stats)));
});

test("in Chromium errors have the same names and messages", { skip, timeout: 120_000 }, async () => {
  const refused = `try { stats.wilson(3, 2) } catch (error) { [error.name, error.message] }`;
  const found = await page.evaluate<[string, string]>(refused);
  assert.throws(
    () => stats.wilson(3, 2),
    ({ name, message }: Error) => name === found[0] && message === found[1],
  );
});

test(
  "the page requests nothing, and the whole package is smaller than 300 KB",
  { skip, timeout: 120_000 },
  () => {
    assert.deepEqual(requests, ["http://localhost/"]);
    assert.ok(bundleBytes > 0 && bundleBytes < 300_000, `${bundleBytes} bytes`);
  },
);
