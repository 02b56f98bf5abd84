import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import sharp from "sharp";
import { reorient, resample, type Triple, type Volume } from "@slicestack/volume";
import { writeNifti, writeNpy } from "@slicestack/volume/node";
import { GROUND } from "../../src/inspect/canvas.js";
import { InspectError } from "../../src/inspect/errors.js";
import { inspect, type InspectOptions } from "../../src/tasks/inspect.js";
import { layoutOf } from "../../src/inspect/montage.js";
import { spreadSlices, tileSize } from "../../src/inspect/tiles.js";
import { temporaryFolder } from "../data/temporary.js";
import { decoded, greyOf, part, phantom } from "./support.js";

/** Writes the volume, lets inspect draw it, and gives the bytes of the picture. */
async function drawn(
  t: TestContext,
  volume: Volume,
  what: "montage" | "animation",
  name: string,
  options: Partial<InspectOptions> = {},
) {
  const folder = temporaryFolder(t);
  const path = join(folder, "scan.nii.gz");
  await writeNifti(path, volume);
  const file = join(folder, name);
  const { files } = await inspect({ path, [what]: file, ...options });
  assert.deepEqual(files, [file]);
  return readFileSync(file);
}

/** Lines of the title in a montage: as many as its height leaves room for. */
function titleLines(
  height: number,
  count: number,
  size: { width: number; height: number },
  columns: number,
): number {
  return [1, 2, 3, 4, 5, 6].find((lines) => layoutOf(count, size, lines, columns).height === height)!;
}

test("montage: every pixel of every slice is the windowed HU of its voxel, whatever the orientation on disk (decoded by sharp)", async (t) => {
  const lps = phantom("LPS");
  const [nx, ny, nz] = lps.shape;
  for (const code of ["LPS", "RAI", "SPL"]) {
    const png = await drawn(t, reorient(lps, code), "montage", "m.png", {
      window: [-900, 300],
      slices: 8,
      columns: 4,
      tile: nx,
    });
    const picture = await decoded(png);
    const size = { width: nx, height: Math.round((nx * ny * lps.spacing[1]) / (nx * lps.spacing[0])) };
    assert.deepEqual(size, { width: nx, height: ny }, "square pixels");
    const layout = layoutOf(8, size, titleLines(picture.height, 8, size, 4), 4);
    assert.equal(picture.height, layout.height);
    for (const [k, slice] of spreadSlices(nz, 8).entries()) {
      const { x, y } = layout.tileAt(k);
      const expected = Array.from(lps.data.subarray(slice * nx * ny, (slice + 1) * nx * ny), (hu) =>
        greyOf(hu, -900, 300),
      );
      assert.deepEqual(part(picture, x, y, nx, ny), expected, `slice ${slice} of ${code}`);
    }
  }
});

test("montage: the patient's right is on the left, the front is up, the feet come first (a marked corner)", async (t) => {
  // LPS: x grows to the left, y to the back, z to the head. Bright: right, front, foot.
  const shape: Triple = [30, 20, 6];
  const data = new Int16Array(30 * 20 * 6).fill(-1000);
  for (let z = 0; z < 2; z++)
    for (let y = 0; y < 8; y++) for (let x = 0; x < 8; x++) data[x + 30 * (y + 20 * z)] = 400;
  const volume: Volume = {
    data,
    shape,
    spacing: [1, 1, 2],
    origin: [0, 0, 0],
    direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
    unit: "HU",
  };
  for (const code of ["LPS", "RAS", "LAS", "RPI"]) {
    const png = await drawn(t, reorient(volume, code), "montage", "m.png", {
      slices: "all",
      columns: 6,
      tile: 30,
    });
    const picture = await decoded(png);
    const size = { width: 30, height: 20 };
    const layout = layoutOf(6, size, titleLines(picture.height, 6, size, 6), 6);
    const corners = Array.from({ length: 6 }, (_, k) => {
      const { x, y } = layout.tileAt(k);
      const at = (dx: number, dy: number) => picture.data[(y + dy) * picture.width + x + dx];
      return [at(2, 2), at(27, 2), at(2, 17), at(27, 17)];
    });
    const [marked, empty] = [[255, 0, 0, 0], [0, 0, 0, 0]]; // prettier-ignore
    assert.deepEqual(corners, [marked, marked, empty, empty, empty, empty], code);
  }
});

test("montage: numbers stand below slices, and nothing but the ground lies between (decoded by sharp)", async (t) => {
  const volume = phantom();
  const png = await drawn(t, volume, "montage", "m.png", { slices: 4, columns: 2 });
  const picture = await decoded(png);
  const size = tileSize(volume);
  const layout = layoutOf(4, size, titleLines(picture.height, 4, size, 2), 2);
  for (let k = 0; k < 4; k++) {
    const { x, y } = layout.tileAt(k);
    const caption = part(picture, x, y + size.height, size.width, 18);
    assert.ok(caption.filter((value) => value > 150).length > 40, "letters");
    assert.ok(part(picture, x + size.width, y, 3, size.height).every((value) => value === GROUND));
  }
  const title = part(picture, 0, 0, picture.width, layout.tileAt(0).y);
  assert.ok(title.filter((value) => value > 150).length > 200, "a title");
});

test("slices are as wide and high as in the patient: unequal spacing, enlarged and shrunk", async (t) => {
  assert.deepEqual(tileSize({ shape: [100, 100, 1], spacing: [1, 2, 1] }), { width: 100, height: 200 });
  assert.deepEqual(tileSize({ shape: [512, 512, 1], spacing: [0.7, 0.7, 1] }), { width: 256, height: 256 });
  assert.deepEqual(tileSize({ shape: [28, 28, 1], spacing: [1, 1, 1] }), { width: 140, height: 140 });
  assert.deepEqual(tileSize({ shape: [128, 128, 1], spacing: [2.7, 2.7, 5] }), { width: 128, height: 128 });
  assert.deepEqual(tileSize({ shape: [64, 32, 1], spacing: [1, 1, 1] }, 320), { width: 320, height: 160 });
  // A square of 20 x 10 voxels of 1 x 2 mm stays square.
  const data = new Int16Array(60 * 30).fill(-1000);
  for (let y = 10; y < 20; y++) data.fill(400, y * 60 + 20, y * 60 + 40);
  const volume: Volume = {
    data,
    shape: [60, 30, 1],
    spacing: [1, 2, 5],
    origin: [0, 0, 0],
    direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
    unit: "HU",
  };
  const png = await drawn(t, volume, "montage", "m.png", { tile: 120 });
  const picture = await decoded(png);
  const { x, y } = layoutOf(
    1,
    { width: 120, height: 120 },
    titleLines(picture.height, 1, { width: 120, height: 120 }, 1),
    1,
  ).tileAt(0);
  const row = part(picture, x, y + 60, 120, 1).filter((value) => value > 127).length;
  const column = part(picture, x + 60, y, 1, 120).filter((value) => value > 127).length;
  assert.deepEqual([row, column], [40, 40]);
});

test("a whole enlargement repeats pixels; any other scaling is volume's resample of the grey values", async (t) => {
  const volume = phantom();
  const [nx, ny] = volume.shape;
  const whole = Uint8Array.from(volume.data.subarray(0, nx * ny), (hu) => greyOf(hu, -1000, 400));
  const one: Volume = { ...volume, data: volume.data.slice(0, nx * ny), shape: [nx, ny, 1] };
  for (const tile of [2 * nx, 100, 31]) {
    const png = await drawn(t, one, "montage", "m.png", { tile });
    const picture = await decoded(png);
    const size = tileSize(one, tile);
    const { x, y } = layoutOf(1, size, titleLines(picture.height, 1, size, 1), 1).tileAt(0);
    const found = part(picture, x, y, size.width, size.height);
    const bare = { ...one, data: whole, spacing: [1, 1, 1] as Triple };
    const expected =
      tile === 2 * nx
        ? Array.from(
            found,
            (_, i) => whole[Math.floor(Math.floor(i / tile) / 2) * nx + Math.floor((i % tile) / 2)]!,
          )
        : Array.from(resample(bare, [size.width, size.height, 1]).data);
    assert.deepEqual(found, expected, `${tile} pixels`);
  }
});

for (const [ending, allowed] of [
  ["webp", 0],
  ["gif", 3],
] as const)
  test(`animation.${ending}: a frame a slice in the patient's order, without end, ${allowed === 0 ? "every grey value kept" : "within 3 of 255, on average within 0.1"} (decoded by sharp)`, async (t) => {
    const volume = phantom("RAI");
    const [nx, ny, nz] = volume.shape;
    const bytes = await drawn(t, volume, "animation", `film.${ending}`, { window: [-1000, 400], tile: nx });
    const meta = await sharp(bytes).metadata();
    assert.deepEqual([meta.format, meta.pages, meta.loop], [ending, nz, 0]);
    assert.ok(meta.delay!.every((ms) => ms === meta.delay![0] && ms >= 40 && ms <= 150));
    const film = await decoded(bytes);
    assert.deepEqual([film.width, film.pages], [nx, nz]);
    const lps = reorient(volume, "LPS");
    for (let k = 0; k < nz; k++) {
      const found = part(film, 0, k * film.pageHeight, nx, ny);
      const apart = found.map((value, i) => Math.abs(value - greyOf(lps.data[k * nx * ny + i]!, -1000, 400)));
      assert.ok(Math.max(...apart) <= allowed, `frame ${k}: ${Math.max(...apart)}`);
      assert.ok(apart.reduce((sum, value) => sum + value, 0) <= 0.1 * apart.length, `frame ${k} on average`);
      assert.ok(
        part(film, 0, k * film.pageHeight + ny, nx, 18).some((value) => value > 150),
        "a number",
      );
    }
  });

test("other endings are refused before anything is read or written, APNG by name", async (t) => {
  const folder = temporaryFolder(t);
  const refused = (options: Partial<InspectOptions>, message: RegExp) =>
    assert.rejects(inspect({ path: join(folder, "missing.nii"), ...options }), (error) => {
      assert.ok(error instanceof InspectError);
      assert.match(error.message, message);
      return true;
    });
  await refused({ animation: "a.png" }, /APNG is not supported/);
  await refused({ animation: "a.mp4" }, /expected an animation \.gif or \.webp/);
  await refused({ montage: "m.jpg" }, /ends in \.png/);
  await refused({ histogram: "h.pdf" }, /\.svg or \.png/);
});

test("--out: montage, film and histogram, as SVG and PNG; a second call replaces them", async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, "scan.nii");
  await writeNifti(path, phantom());
  const out = join(folder, "new", "look");
  const first = await inspect({ path, out });
  const names = ["montage.png", "animation.webp", "histogram.svg", "histogram.png"];
  assert.deepEqual(
    first.files,
    names.map((name) => join(out, name)),
  );
  const svg = readFileSync(join(out, "histogram.svg"), "utf8");
  assert.match(svg, /^<svg role="img"/);
  assert.match(svg, /HU of scan\.nii/);
  const figure = await sharp(join(out, "histogram.png")).metadata();
  assert.ok(figure.format === "png" && figure.width > 800 && figure.height > 300);
  const before = readFileSync(join(out, "montage.png"));
  await inspect({ path, out });
  assert.deepEqual(readFileSync(join(out, "montage.png")), before, "the same bytes each time");
});

test("values without a unit: all of them from black to white, bytes from 0 to 255; nothing is said of sides", async (t) => {
  const folder = temporaryFolder(t);
  const volume = Float32Array.from({ length: 4 * 6 * 3 }, (_, i) => i / 10);
  await writeNpy(join(folder, "a.npy"), { data: volume, shape: [4, 6, 3] });
  const file = join(folder, "m.png");
  const { look } = await inspect({ path: join(folder, "a.npy"), montage: file, tile: 6, columns: 3 });
  assert.ok(look.kind === "volume" && look.orientation === null && look.unit === "arbitrary");
  assert.deepEqual([look.format, look.shape, look.dtype], ["npy", [6, 4, 3], "float32"]);
  const picture = await decoded(readFileSync(file));
  const size = { width: 6, height: 4 };
  const { x, y } = layoutOf(3, size, titleLines(picture.height, 3, size, 3), 3).tileAt(2);
  const expected = Array.from({ length: 24 }, (_, i) => greyOf(volume[i * 3 + 2]!, 0, volume.at(-1)!));
  assert.deepEqual(part(picture, x, y, 6, 4), expected);
});
