import assert from "node:assert/strict";
import { test } from "node:test";
import { canPreview, preview } from "../../src/inspect/preview.js";
import { grey, spreadSlices } from "../../src/inspect/tiles.js";
import { phantom } from "./support.js";

/** Two pixels of each character, as a terminal shows them. */
function pixelsOf(text: string): [number, number][][] {
  return text
    .replaceAll("\u001b", "ESC")
    .split("\n")
    .map((line) => {
      let colours: [number, number] | null = null;
      const pixels: [number, number][] = [];
      for (const [token, upper, lower] of line.matchAll(
        /ESC\[38;2;(\d+);\1;\1;48;2;(\d+);\2;\2m|ESC\[0m|[^]/g,
      )) {
        if (upper !== undefined) colours = [Number(upper), Number(lower)];
        else if (token === "ESC[0m") colours = null;
        else if (token === "▀") pixels.push(colours!);
        else assert.ok(token === " " && colours === null, JSON.stringify(token));
      }
      return pixels;
    });
}

test("preview: each character shows two pixels of three windowed slices, which fill the terminal's width", () => {
  const volume = phantom();
  const text = preview(volume, { window: [-1000, 400], columns: 80 });
  const pixels = pixelsOf(text);
  const width = 25; // (80 - 2 * 2) / 3
  const height =
    2 * Math.round((width * volume.shape[1] * volume.spacing[1]) / (volume.shape[0] * volume.spacing[0]) / 2);
  assert.deepEqual([pixels.length, pixels[0]!.length], [height / 2, 3 * width]);
  const expected = grey(volume, spreadSlices(volume.shape[2], 3), [-1000, 400], { width, height });
  pixels.forEach((line, row) =>
    line.forEach(([upper, lower], x) => {
      const slice = expected[Math.floor(x / width)]!;
      const at = 2 * row * width + (x % width);
      assert.deepEqual([upper, lower], [slice[at], slice[at + width]], `${x}, ${row}`);
    }),
  );
  assert.ok(pixels.flat().some(([upper]) => upper > 150) && pixels.flat().some(([upper]) => upper < 20));
  assert.ok(text.endsWith("\u001b[0m"), "the terminal gets its colours back");
});

test("preview is for terminals that say they can", () => {
  assert.ok(canPreview({ isTTY: true }, { COLORTERM: "truecolor" }));
  assert.ok(canPreview({ isTTY: true }, { COLORTERM: "24bit" }));
  assert.ok(!canPreview({ isTTY: false }, { COLORTERM: "truecolor" }));
  assert.ok(!canPreview({ isTTY: undefined }, { COLORTERM: "truecolor" }));
  assert.ok(!canPreview({ isTTY: true }, { COLORTERM: "yes" }));
  assert.ok(!canPreview({ isTTY: true }, {}));
});
