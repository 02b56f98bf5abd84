/** A picture under construction: grey or coloured tiles and text on a dark background. */
import { coverage, type Label } from "../page/labels.js";
import { InspectError } from "./errors.js";

/** Grey levels of text and of the background, which is just light enough to show black tiles. */
export const [INK, GROUND] = [225, 26];
/** 16384 x 16384, the most that libvips decodes. */
const MOST_PIXELS = 2 ** 28;

export class Canvas {
  readonly data: Uint8Array;
  readonly #labels: Label[] = [];

  /** @param channels 1 grey, 3 red, green and blue */
  constructor(
    readonly width: number,
    readonly height: number,
    readonly channels: 1 | 3 = 1,
  ) {
    if (width * height > MOST_PIXELS)
      throw new InspectError(
        `a picture of ${width} x ${height} pixels is too large`,
        "Use fewer slices, or smaller ones (--tile).",
      );
    this.data = new Uint8Array(width * height * channels).fill(GROUND);
  }

  /** @param pixels width x height, with one channel or as many as the canvas has */
  paste(
    pixels: Uint8Array,
    x: number,
    y: number,
    { width, height }: { width: number; height: number },
  ): void {
    const { channels } = this;
    const pixelChannels = pixels.length / (width * height);
    for (let row = 0; row < height; row++) {
      const to = ((y + row) * this.width + x) * channels;
      const from = row * width * pixelChannels;
      if (pixelChannels === channels) this.data.set(pixels.subarray(from, from + width * pixelChannels), to);
      else
        for (let i = 0; i < width * channels; i++)
          this.data[to + i] = pixels[from + Math.floor(i / channels)] as number;
    }
  }

  write(label: Label): void {
    this.#labels.push(label);
  }

  /** The pixels, with the text. */
  async drawn(): Promise<Uint8Array> {
    if (this.#labels.length === 0) return this.data;
    const covered = await coverage(this.#labels, this.width, this.height);
    const { channels } = this;
    return this.data.map((value, i) => {
      const share = covered[Math.floor(i / channels)]!;
      return share === 0 ? value : Math.round(value + ((INK - value) * share) / 255);
    });
  }

  async png(): Promise<Buffer> {
    const { default: sharp } = await import("sharp");
    const { width, height, channels } = this;
    const image = sharp(await this.drawn(), { raw: { width, height, channels } });
    return await (channels === 1 ? image.toColourspace("b-w") : image)
      .png({ compressionLevel: 9 })
      .toBuffer();
  }
}
