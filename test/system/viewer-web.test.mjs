/**
 * `slicestack export --to web` as a folder on a plain web host, opened in Chromium and again after the host is gone; and
 * `slicestack view` of a model and a scan. Their numbers are those of Node's Predictor.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Predictor } from "@slicestack/pipeline";
import { main } from "../../packages/cli/dist/src/index.js";
import { buildViewer } from "../../scripts/build-viewer.mjs";
import { smallModel, writeDicomSeries } from "./small-model.mjs";
import { openPage, openUrl, seriousFaults, skip } from "./viewer-page.mjs";

const folder = mkdtempSync(join(tmpdir(), "slicestack-web-"));
process.env.XDG_CACHE_HOME = join(folder, "cache");
const web = join(folder, "web");

let small;
let expected;

before(async () => {
  if (skip !== false) return;
  await buildViewer();
  small = await smallModel(folder);
  const model = await Predictor.open(small.bundle, { precision: "float32" });
  expected = await model.predict([small.scan, small.other], { jobs: 1 });
  await model[Symbol.asyncDispose]();
});
after(() => rmSync(folder, { recursive: true, force: true }));

async function shownResult(page) {
  const result = page.locator(".result");
  await result.waitFor();
  return JSON.parse(await result.getAttribute("data-probabilities"));
}

function assertSame(probabilities, which = 0) {
  for (const [name, value] of Object.entries(expected[which].probabilities))
    assert.ok(
      Math.abs(probabilities[name] - value) < 1e-4,
      `${name}: ${probabilities[name]}, expected ${value}`,
    );
}

test(
  "a folder for a web host holds the page and the model, and is not written over another folder",
  { skip },
  async () => {
    assert.equal(await main(["export", small.bundle, web, "--to", "web", "--licence", "CC0"]), 0);
    const [graph] = readdirSync(join(web, "models"));
    const offered = JSON.parse(readFileSync(join(web, "slicestack.json"), "utf8"));
    assert.deepEqual(offered.models, [{ name: "small", file: `models/${graph}` }]);
    for (const name of ["index.html", "sw.js", "manifest.webmanifest"])
      assert.ok(existsSync(join(web, name)), name);
    assert.notEqual(await main(["export", small.bundle, web, "--to", "web"]), 0);
    assert.equal(await main(["export", small.bundle, web, "--to", "web", "--overwrite"]), 0);
    assert.notEqual(await main(["export", small.bundle, small.data, "--to", "web", "--overwrite"]), 0);
  },
);

test("the page opens its model by itself, and again when its host is gone", { skip }, async () => {
  const opened = await openPage(web);
  try {
    const { page } = opened;
    await page.locator(".model-name").getByText("small", { exact: true }).waitFor();
    await page.locator(".kept").waitFor();
    assert.deepEqual(opened.foreignRequests(), []);
    opened.server.closeAllConnections();
    await new Promise((resolve) => void opened.server.close(resolve));
    await opened.goOffline();
    await page.reload();
    await page.locator(".model-name").getByText("small", { exact: true }).waitFor();
    await page.setInputFiles("#files", small.scan);
    assertSame(await shownResult(page));
    await page.waitForFunction(() => performance.getEntriesByName("slicestack.drawn").length > 0 || null);
    assert.deepEqual(await seriousFaults(page), []);
    const kept = await page.evaluate(async () => {
      const names = await globalThis.caches.keys();
      const keys = await Promise.all(names.map(async (name) => (await globalThis.caches.open(name)).keys()));
      return keys.flat().map(({ url }) => new URL(url).pathname);
    });
    assert.ok(kept.includes("/") && kept.some((path) => path.startsWith("/models/")), kept.join(" "));
    assert.deepEqual(
      kept.filter((path) => /\.nii|\.dcm|\/scans\//.test(path)),
      [],
    );
  } finally {
    await opened.close();
  }
});

test(
  "two pages of one host keep their own files, and an update drops those of its own page",
  { skip },
  async () => {
    const host = join(folder, "host");
    for (const name of ["one", "two"]) cpSync(web, join(host, name), { recursive: true });
    const opened = await openPage(host, "one/index.html");
    try {
      const { page, origin } = opened;
      const caches = () => page.evaluate(() => globalThis.caches.keys());
      const isKept = () => page.locator(".kept").waitFor();
      await isKept();
      const [first] = await caches();
      await page.goto(`${origin}two/index.html`);
      await isKept();
      const both = await caches();
      assert.equal(both.length, 2);
      assert.ok(both.includes(first), both.join());
      const worker = join(host, "two/sw.js");
      const text = readFileSync(worker, "utf8");
      writeFileSync(worker, text.replace(/const VERSION = "[^"]+"/, 'const VERSION = "next"'));
      await page.reload();
      const isUpdated = (names) => names.length === 2 && names.some((name) => name.endsWith(" next"));
      let names = await caches();
      for (let k = 0; k < 300 && !isUpdated(names); k++) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        names = await caches();
      }
      assert.ok(isUpdated(names), names.join());
      assert.ok(names.includes(first), names.join());
    } finally {
      await opened.close();
    }
  },
);

test(
  "view hosts a model and DICOM folders of one name on this machine, and leaves nothing behind",
  { skip },
  async () => {
    const dicom = ["first", "second"].map((name) => join(folder, name, "CT"));
    await writeDicomSeries(small.scan, dicom[0]);
    await writeDicomSeries(small.other, dicom[1]);
    const temporary = join(folder, "temporary");
    const bin = join(import.meta.dirname, "../../packages/cli/bin/slicestack.js");
    mkdirSync(temporary);
    const child = spawn(process.execPath, [bin, "view", small.bundle, ...dicom, "--port", "0", "--json"], {
      env: { ...process.env, TMPDIR: temporary },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = new Promise((resolve) => void child.on("exit", resolve));
    let opened;
    try {
      const line = await new Promise((resolve, reject) => {
        child.stdout.once("data", (data) => resolve(String(data)));
        child.once("exit", (code) => reject(new Error(`view ended with ${code}`)));
      });
      const { url, models, scans } = JSON.parse(line);
      assert.deepEqual([models, scans], [["small"], ["first/CT", "second/CT"]]);
      assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/[0-9a-f]{32}\/$/);
      opened = await openUrl(url, { wait: false });
      const { page } = opened;
      assertSame(await shownResult(page));
      const offered = page.getByRole("combobox", { name: "Scans of this page", exact: true });
      const first = await page.locator(".result").getAttribute("data-id");
      assert.equal(await offered.inputValue(), "0");
      await offered.selectOption("1");
      await page.locator(`.result:not([data-id="${first}"])`).waitFor();
      assertSame(await shownResult(page), 1);
      await page.setInputFiles("#files", small.scan);
      assert.equal(await offered.inputValue(), "");
      assert.deepEqual(opened.foreignRequests(), []);
      assert.equal((await globalThis.fetch(`${url}scans/0/../../../etc/passwd`)).status, 404);
    } finally {
      await opened?.close();
      child.kill("SIGTERM");
    }
    await ended;
    assert.deepEqual(
      readdirSync(temporary).filter((name) => name.startsWith("slicestack-view-")),
      [],
    );
  },
);
