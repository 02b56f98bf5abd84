/**
 * The viewer: its built page as static files under its own content security policy, used in Chromium with the network
 * off. Its numbers are those of Node's Predictor with the bundle of the same model.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Predictor } from "@slicestack/pipeline";
import { writeNpy } from "@slicestack/volume/node";
import { zipOf } from "../../packages/volume/dist/test/zip-writer.js";
import { smallModel, writeDicomSeries } from "./small-model.mjs";
import { openPage, seriousFaults, skip } from "./viewer-page.mjs";

const folder = mkdtempSync(join(tmpdir(), "slicestack-viewer-"));
process.env.XDG_CACHE_HOME = join(folder, "cache");
const dicom = join(folder, "study/CT");

let small;
let model;
let opened;
let page;

before(async () => {
  if (skip !== false) return;
  small = await smallModel(folder);
  await writeDicomSeries(small.scan, dicom);
  model = await Predictor.open(small.bundle, { precision: "float32" });
  opened = await openPage();
  ({ page } = opened);
  await page.setInputFiles("#model", small.graph);
  await page.locator(".model-name").getByText("small", { exact: true }).waitFor();
});
after(async () => {
  await opened?.close();
  await model?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** What the page says of these files. */
async function shown(field, files) {
  await page.setInputFiles(field, files);
  const result = page.locator(".result");
  await result.waitFor();
  await idle();
  return result.evaluate(({ dataset, innerText }) => ({
    id: dataset.id,
    probabilities: JSON.parse(dataset.probabilities),
    text: innerText,
  }));
}

const choice = (name) => page.getByRole("combobox", { name, exact: true });
const idle = () => page.locator(".status").getByText("Done.", { exact: true }).waitFor();
const drawn = () =>
  page.waitForFunction(() => performance.getEntriesByName("slicestack.drawn").length > 0 || null);

function assertSame(result, expected) {
  assert.equal(result.id, expected.id);
  for (const [name, value] of Object.entries(expected.probabilities)) {
    const difference = Math.abs(result.probabilities[name] - value);
    assert.ok(difference < 1e-4, `${name}: ${result.probabilities[name]} in Chromium, ${value} on Node`);
  }
  assert.ok(result.text.startsWith(expected.decision.class), result.text);
}

test("no request leaves the page's own host while it loads", { skip }, () => {
  assert.deepEqual(opened.foreignRequests(), []);
});

test(
  "with the network off, a DICOM folder, a zip and NIfTI have Node's probabilities; no request carries a byte of them",
  { skip },
  async () => {
    await page.setInputFiles("#files", small.other); // NiiVue is loaded with the first scan
    await drawn();
    await idle();
    await opened.goOffline();
    const before = opened.requests.length;
    const [series] = await model.predict(dicom, { jobs: 1 });
    const files = await model.predict([small.scan, small.other], { jobs: 1 });
    assertSame(await shown("#folder", join(folder, "study")), series);
    assertSame(await shown("#files", small.scan), files[0]);
    assertSame(await shown("#files", small.other), files[1]);
    const zip = join(folder, "study.zip");
    const members = readdirSync(dicom).map((name) => ({
      name: `CT/${name}`,
      data: readFileSync(join(dicom, name)),
    }));
    writeFileSync(zip, zipOf(members));
    assertSame(await shown("#files", zip), series);
    assert.notEqual(files[0].probabilities.clear, files[1].probabilities.clear);
    const made = opened.requests.slice(before).filter(({ url }) => !/^(data|blob):/.test(url));
    assert.deepEqual(made, []);
    assert.deepEqual(
      opened.requests.filter(({ body }) => body !== null),
      [],
    );
  },
);

test("the strip, its slider, its table and the keys lead to the same slices", { skip }, async () => {
  await shown("#files", small.scan);
  const slider = page.locator(".strip input[type=range]");
  const place = () => slider.getAttribute("aria-valuetext");
  assert.match(await place(), /^Slice \d+ of 34, contribution 0\.\d\d$/);
  await slider.fill("3");
  assert.match(await place(), /^Slice 4 of 34, /);
  await page.locator(".stage").focus();
  await page.keyboard.press("ArrowUp");
  assert.match(await place(), /^Slice 5 of 34, /);
  await page.keyboard.press("PageUp");
  assert.match(await place(), /^Slice 15 of 34, /);
  await page.keyboard.press("End");
  assert.match(await place(), /^Slice 34 of 34, /);
  await page.locator(".slice-table summary").click();
  const rows = page.locator(".slice-table tbody tr");
  assert.equal(await rows.count(), 8);
  await rows.nth(2).getByRole("button").click();
  const [weight] = await rows.nth(2).locator("td:last-child").allInnerTexts();
  assert.ok((await place()).endsWith(`contribution ${weight}`), await place());
  const box = await page.locator(".strip svg").boundingBox();
  await page.mouse.click(box.x + box.width * 0.99, box.y + box.height / 2);
  assert.match(await place(), /^Slice 34 of 34, /);
});

test("the picture is drawn, follows its window, and its views are there", { skip }, async () => {
  await shown("#files", small.scan);
  await drawn();
  const lung = await brightness();
  assert.ok(lung > 10, `mean grey ${lung}`);
  await choice("Window").selectOption("bone");
  assert.ok((await brightness()) < 0.8 * lung, "the window of bones is darker");
  await choice("Window").selectOption("own");
  await page.getByLabel("Level").fill("-5000");
  await page.getByLabel("Level").press("Tab");
  assert.ok((await brightness()) > lung, "a window far below all values is white");
  await choice("Window").selectOption("lung");
  for (const view of ["axial", "coronal", "sagittal", "solid", "planes"]) {
    await choice("View").selectOption(view);
    assert.ok((await brightness()) > 1, view);
  }
});

test("the arrows left and right move the crosshair to the side that they point to", { skip }, async () => {
  await choice("View").selectOption("axial");
  await page.locator(".stage").focus();
  const press = async (key) => {
    for (let k = 0; k < 12; k++) await page.keyboard.press(key);
    return crosshairColumn();
  };
  const start = await crosshairColumn();
  const left = await press("ArrowLeft");
  assert.ok(left < start - 5, `from column ${start} to ${left}`);
  const right = await press("ArrowRight");
  assert.ok(right > left + 5, `from column ${left} to ${right}`);
  await choice("View").selectOption("planes");
});

/** The column of the picture with most of the crosshair's colour, which is bluer than the grey of the scan. */
async function crosshairColumn() {
  const { data, width, channels } = await pixels();
  const blue = new Float64Array(width);
  for (let at = 0; at < data.length; at += channels)
    blue[(at / channels) % width] += Math.max(0, data[at + 2] - data[at]);
  return blue.indexOf(Math.max(...blue));
}

test(
  "letters of right, left, head and feet stand at scans alone, as arrays have none",
  { skip },
  async () => {
    const array = join(folder, "array.npy");
    await writeNpy(array, { data: new Float32Array(24 ** 3).map((_, k) => k % 100), shape: [24, 24, 24] });
    const brightest = async (file) => {
      await page.evaluate(() => performance.clearMarks());
      await page.setInputFiles("#files", file);
      await drawn();
      await choice("Window").selectOption("own");
      await page.getByLabel("Level").fill("90000"); // black, but for what is written on it
      await page.getByLabel("Level").press("Tab");
      const { data, channels } = await pixels();
      return data.reduce((most, value, at) => (at % channels === 0 ? Math.max(most, value) : most), 0);
    };
    await page.locator(".stage").press("x"); // without the crosshair
    const [scan, other] = [await brightest(small.scan), await brightest(array)];
    await page.locator(".stage").press("x");
    assert.ok(scan > 150, `brightest of a scan: ${scan}`);
    assert.ok(other < 100, `brightest of an array: ${other}`);
    await idle();
  },
);

/** The middle of the picture without its rim, where the focus is drawn. */
async function pixels() {
  await page.waitForTimeout(300); // a frame of software rendering
  const { default: sharp } = await import("sharp");
  const png = await page.locator(".stage").screenshot();
  const { width, height } = await sharp(png).metadata();
  const middle = sharp(png).extract({ left: 6, top: 6, width: width - 12, height: height - 12 });
  const { data, info } = await middle.raw().toBuffer({ resolveWithObject: true });
  return { data, width: info.width, channels: info.channels };
}

/** Mean grey of the picture as a user sees it, 0 to 255. */
async function brightness() {
  await page.waitForTimeout(300); // a frame of software rendering
  const png = await page.locator(".stage").screenshot();
  const { default: sharp } = await import("sharp");
  const { channels } = await sharp(png).stats();
  return channels[0].mean;
}

test("what is no scan and what is no graph have their reasons, and the page goes on", { skip }, async () => {
  const notes = { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no scan") };
  await page.setInputFiles("#files", notes);
  await page.getByText("None of these files is a scan.").waitFor();
  await page.locator(".set-aside li").getByText("notes.txt: ").waitFor();
  const cut = { name: "cut.nii.gz", mimeType: "", buffer: readFileSync(small.scan).subarray(0, 2000) };
  await page.setInputFiles("#files", cut);
  await page.getByRole("alert").getByText("This scan cannot be read").waitFor();
  await page.setInputFiles("#model", { name: "other.onnx", mimeType: "", buffer: Buffer.from("no graph") });
  await page.getByText(/other\.onnx: .*(not a whole ONNX graph|no metadata of Slicestack)/).waitFor();
  await page.setInputFiles("#model", small.graph);
  const [expected] = await model.predict(small.scan, { jobs: 1 });
  assertSame(await shown("#files", small.scan), expected);
});

test("German is a language of the page", { skip }, async () => {
  await choice("Language").selectOption("de");
  await page.getByRole("heading", { name: "Ergebnis" }).waitFor();
  assert.equal(await page.locator("html").getAttribute("lang"), "de");
  await choice("Sprache").selectOption("en");
});

test(
  "axe finds no serious fault: before and after a scan, dark and light, wide and narrow",
  { skip },
  async () => {
    for (const colorScheme of ["light", "dark"])
      for (const width of [1280, 390]) {
        await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        await page.setViewportSize({ width, height: 844 });
        assert.deepEqual(await seriousFaults(page), [], `${colorScheme}, ${width} pixels`);
        const overflow = await page.evaluate(
          () => globalThis.document.documentElement.scrollWidth - globalThis.innerWidth,
        );
        assert.ok(overflow <= 0, `${width}: ${overflow} pixels wider than the window`);
      }
  },
);

test("the browser has nothing to complain of", { skip }, () => {
  assert.deepEqual(opened.complaints, []);
});
