import assert from "node:assert/strict";
import { copyFile, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { assertVolume, sliceOrder, VolumeFileError, VolumeFormatError } from "../src/index.js";
import { readSlice, readSliceFolder } from "../src/node.js";
import { temporaryFolder } from "./fixtures.js";
import { python, without } from "./python.js";

const pillow = without("PIL", "numpy");

const refuses = (words: RegExp) => (error: unknown) => {
  assert.ok(error instanceof VolumeFormatError, String(error));
  assert.match(error.message, words);
  return true;
};

test("sliceOrder: by number, never as text (trap 3 of the published code): 2 before 10 before 100", () => {
  const names = Array.from({ length: 128 }, (_, i) => `p07_slice_${i}.png`);
  const asText = [...names].sort();
  assert.notDeepEqual(asText, names, "the order as text differs");
  assert.deepEqual(sliceOrder(asText).names, names);
  const padded = Array.from({ length: 12 }, (_, i) => `${String(i + 90).padStart(5, "0")}.jpg`);
  assert.deepEqual(sliceOrder(padded.toReversed()), {
    names: padded,
    numbers: padded.map((_, i) => i + 90),
    missing: [],
  });
  assert.deepEqual(sliceOrder(["only.png"]).names, ["only.png"]);
  assert.deepEqual(sliceOrder(["2025-11-24_3.png", "2025-11-24_4.png"]).numbers, [3, 4]);
});

test("sliceOrder refuses gaps, repeated numbers, and names of several series, each by name", () => {
  assert.throws(
    () => sliceOrder(["1.png", "2.png", "5.png"]),
    refuses(/missing between "1.png" and "5.png": 3, 4/),
  );
  assert.deepEqual(sliceOrder(["1.png", "2.png", "5.png"], { allowGaps: true }).missing, [3, 4]);
  assert.throws(() => sliceOrder(["1.png", "01.png", "2.png"]), refuses(/have the same number/));
  assert.throws(() => sliceOrder(["1.png", "1.jpg"]), refuses(/different number/));
  assert.throws(() => sliceOrder(["a.png", "b.png"]), refuses(/names that differ in one number/));
  assert.throws(() => sliceOrder(["a1.png", "b2.png"]), refuses(/names that differ in one number/));
  assert.throws(
    () => sliceOrder(["s1_1.png", "s1_2.png", "s2_1.png"]),
    refuses(/2 numbers of the names differ/),
  );
  assert.throws(() => sliceOrder(["1.png", "99999999999999999999.png"]), refuses(/too long/));
  assert.throws(() => sliceOrder(["1.png", "20251124.png"]), refuses(/2, 3, 4, 5, 6, 7, 8, 9, 10 …/));
  assert.throws(() => sliceOrder([]), refuses(/found none/));
});

/** One folder per kind of picture, with twelve slices each, and their values by Pillow. */
const WRITE = `
import json, os, sys
import numpy as np
from PIL import Image
rng = np.random.default_rng(4); facts = []
def save(kind, picture, ending, **options):
    folder = os.path.join(sys.argv[1], kind); os.makedirs(folder); values = []
    for k in range(12):
        image = picture(k)
        path = os.path.join(folder, f"slice_{k}.{ending}")
        image.save(path, **options)
        back = np.asarray(Image.open(path).convert("RGB" if image.mode == "P" else Image.open(path).mode))
        values.append((back if back.ndim == 2 else back[..., 0]).astype(int).ravel().tolist())
    facts.append({"kind": kind, "values": values})
smooth = lambda k: (np.add.outer(np.arange(10) * 9, np.arange(14) * 6) + k * 5).astype(np.uint8)
noise = lambda k: rng.integers(0, 256, (10, 14)).astype(np.uint8)
save("grey8", lambda k: Image.fromarray(noise(k)), "png")
save("grey16", lambda k: Image.fromarray(rng.integers(0, 65536, (10, 14)).astype(np.int32)).convert("I;16"), "png")
save("equal_colours", lambda k: Image.fromarray(noise(k)).convert("RGB"), "png")
save("opaque", lambda k: Image.merge("LA", [Image.fromarray(noise(k)), Image.new("L", (14, 10), 255)]), "png")
save("opaque_colours", lambda k: Image.fromarray(noise(k)).convert("RGBA"), "png")
save("palette", lambda k: Image.fromarray(noise(k)).convert("P"), "png")
save("jpeg", lambda k: Image.fromarray(smooth(k)), "jpg", quality=90)
save("jpeg_colours", lambda k: Image.fromarray(smooth(k)).convert("RGB"), "jpeg", quality=90)
print(json.dumps(facts))
`;

test(
  "readSliceFolder: PNG of 8 and 16 bits, equal colours, palettes, JPEG: pixels and order as Pillow's",
  { skip: pillow },
  async () => {
    await using folder = await temporaryFolder();
    for (const { kind, values } of python<{ kind: string; values: number[][] }[]>(WRITE, folder.path)) {
      await writeFile(join(folder.path, kind, "notes.txt"), "left out");
      await writeFile(join(folder.path, kind, ".hidden.png"), "left out");
      const { volume, order } = await readSliceFolder(join(folder.path, kind));
      assertVolume(volume);
      assert.deepEqual(volume.shape, [14, 10, 12], kind);
      assert.equal(volume.data.constructor, kind === "grey16" ? Uint16Array : Uint8Array, kind);
      assert.deepEqual(order.numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
      assert.deepEqual(Array.from(volume.data), values.flat(), kind);
      assert.equal(volume.unit, "arbitrary");
    }
  },
);

const REFUSED = `
import json, os, sys
import numpy as np
from PIL import Image
grey = (np.arange(140).reshape(10, 14)).astype(np.uint8)
at = lambda name: os.path.join(sys.argv[1], name)
Image.fromarray(np.dstack([grey, grey, grey // 2])).save(at("colour.png"))
Image.fromarray(np.dstack([grey, grey[::-1], grey])).save(at("colour.jpg"))
Image.merge("LA", [Image.fromarray(grey)] * 2).save(at("transparent.png"))
Image.fromarray(grey).convert("CMYK").save(at("cmyk.jpg"))
Image.fromarray(grey).save(at("good.png")); Image.fromarray(grey[:9]).save(at("smaller.png"))
Image.fromarray(grey.astype(np.int32) * 200).convert("I;16").save(at("deep.png"))
Image.fromarray(grey).save(at("gif.png"), format="GIF"); Image.fromarray(grey).save(at("tiff.png"), format="TIFF")
Image.fromarray(grey).save(at("jpeg.png"), format="JPEG")
Image.fromarray(grey).save(at("good.jpg"))
print(1)
`;

test(
  "readSlice refuses colour, transparency, CMYK, content that contradicts the name, each with its own message (Pillow)",
  { skip: pillow },
  async () => {
    await using folder = await temporaryFolder();
    python<number>(REFUSED, folder.path);
    const at = (name: string) => join(folder.path, name);
    for (const [name, words] of [
      ["colour.png", /expected grey, its channels differ/],
      ["colour.jpg", /expected grey, its channels differ/],
      ["transparent.png", /not opaque/],
      ["cmyk.jpg", /it is CMYK/],
      ["gif.png", /its content is gif, its name says PNG/],
      ["tiff.png", /its content is tiff, its name says PNG/],
      ["jpeg.png", /its content is JPEG, its name says PNG/],
    ] as const)
      await assert.rejects(readSlice(at(name)), refuses(words), name);
    await assert.rejects(readSlice(at("missing.png")), VolumeFileError);

    await mkdir(at("sizes"));
    await copyFile(at("good.png"), at("sizes/1.png"));
    await copyFile(at("smaller.png"), at("sizes/2.png"));
    await assert.rejects(
      readSliceFolder(at("sizes")),
      refuses(/2\.png.*expected 14 x 10 pixels .* it has 14 x 9/),
    );
    await copyFile(at("deep.png"), at("sizes/2.png"));
    await assert.rejects(readSliceFolder(at("sizes")), refuses(/2\.png.*expected 8 bits .* it has 16/));
    await rename(at("sizes/2.png"), at("sizes/3.png"));
    await assert.rejects(readSliceFolder(at("sizes")), refuses(/missing between/));
    await rm(at("sizes/3.png"));
    assert.deepEqual((await readSliceFolder(at("sizes"))).volume.shape, [14, 10, 1]);
    await mkdir(at("none"));
    await assert.rejects(readSliceFolder(at("none")), VolumeFileError);
    await assert.rejects(readSliceFolder(at("absent")), VolumeFileError);
  },
);

test(
  "a truncated PNG or JPEG is refused, or has every pixel (a PNG that only lacks its end marker)",
  { skip: pillow },
  async () => {
    await using folder = await temporaryFolder();
    python<number>(REFUSED, folder.path);
    for (const name of ["good.png", "good.jpg"]) {
      const path = join(folder.path, name);
      const bytes = await readFile(path);
      const whole = await readSlice(path);
      let refused = 0;
      for (let length = 0; length < bytes.length; length += 7) {
        await writeFile(path, bytes.subarray(0, length));
        try {
          assert.deepEqual(await readSlice(path), whole, `${name}: ${length} of ${bytes.length} bytes`);
        } catch (error) {
          assert.ok(error instanceof VolumeFormatError, String(error));
          refused++;
        }
      }
      assert.ok(refused >= Math.floor((bytes.length - 12) / 7), `${name}: ${refused} refused`);
    }
  },
);
