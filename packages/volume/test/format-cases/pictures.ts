import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import type { FormatCase, Make } from "./case.js";

interface Picture {
  name: string;
  width?: number;
  bits?: 8 | 16;
  channels?: 1 | 3;
}

/** Slices of a gradient, encoded by sharp. */
const pictures =
  (...list: Picture[]): Make =>
  async (folder) => {
    const path = join(folder, "p01");
    await mkdir(path);
    for (const { name, width = 6, bits = 8, channels = 1 } of list) {
      const count = width * 4 * channels;
      const values = bits === 8 ? new Uint8Array(count) : new Uint16Array(count);
      values.forEach((_, i) => (values[i] = i * 2));
      let image = sharp(values, { raw: { width, height: 4, channels } });
      if (channels === 1) image = image.toColourspace(bits === 16 ? "grey16" : "b-w");
      await writeFile(
        join(path, name),
        await image.toFormat(name.endsWith(".png") ? "png" : "jpeg").toBuffer(),
      );
    }
    return path;
  };
const pictureCase = (what: string, outcome: FormatCase["outcome"], ...list: Picture[]): FormatCase => ({
  format: "PNG and JPEG",
  what,
  make: pictures(...list),
  outcome,
});
export const pictureCases: FormatCase[] = [
  pictureCase(
    "a folder of grey PNG, ordered by number",
    "read",
    { name: "a_9.png" },
    { name: "a_10.png" },
    { name: "a_11.png" },
  ),
  pictureCase("16 bits", "read", { name: "1.png", bits: 16 }, { name: "2.png", bits: 16 }),
  pictureCase("JPEG", "read", { name: "1.jpg" }, { name: "2.jpg" }),
  pictureCase("a number is missing", /missing between/, { name: "1.png" }, { name: "3.png" }),
  pictureCase(
    "a number comes twice",
    /same number/,
    { name: "1.png" },
    { name: "01.png" },
    { name: "2.png" },
  ),
  pictureCase("two series in one folder", /2 numbers/, { name: "s1_1.png" }, { name: "s2_2.png" }),
  pictureCase("sizes that differ", /expected 6 x 4 pixels/, { name: "1.png" }, { name: "2.png", width: 7 }),
  pictureCase("bits that differ", /expected 8 bits/, { name: "1.png" }, { name: "2.png", bits: 16 }),
  pictureCase("colour", /channels differ/, { name: "1.png", channels: 3 }),
  {
    ...pictureCase("one picture", /a single picture is not a volume/),
    make: async (folder) => join(await pictures({ name: "1.png" })(folder), "1.png"),
  },
];
