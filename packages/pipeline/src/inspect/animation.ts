/** An animation through the slices, from the feet upwards. */
import { extname } from "node:path";
import type { Volume } from "@slicestack/volume";
import { Canvas } from "./canvas.js";
import { InspectError } from "./errors.js";
import { captionOf } from "./montage.js";
import { grey, spreadSlices, tileSize, type Window } from "./tiles.js";

export interface AnimationOptions {
  window: Window;
  /** Pixels of the longer side; default as in a montage. */
  tile?: number;
  placed: boolean;
}

export type AnimationKind = "gif" | "webp";

/** Milliseconds per slice: ten seconds in total, within limits for a single slice. */
const frameTime = (slices: number): number => Math.round(Math.min(150, Math.max(40, 10_000 / slices)));
const [TEXT, STRIP] = [12, 18];
/** sharp does not accept a taller strip of frames. */
const MOST_FRAMES = 600;

/** The kind of animation, by the ending of the file. @throws InspectError for any other ending */
export function animationKind(file: string): AnimationKind {
  const ending = extname(file).toLowerCase();
  if (ending === ".gif" || ending === ".webp") return ending === ".gif" ? "gif" : "webp";
  const apng = ending === ".png" || ending === ".apng" ? "; APNG is not supported" : "";
  throw new InspectError(
    `${file}: expected an animation .gif or .webp${apng}`,
    "Use WebP, which keeps every grey value and is smaller, or GIF.",
  );
}

/**
 * Every slice (at most 600, evenly spaced) as a frame with its number below, in an endless loop. WebP is lossless; GIF
 * differs by a few grey levels, because its colours are chosen per frame and one of them means "as before".
 * @param volume upright (`turned`)
 */
export async function animate(
  volume: Volume,
  kind: AnimationKind,
  options: AnimationOptions,
): Promise<Buffer> {
  const { default: sharp } = await import("sharp");
  const chosen = spreadSlices(volume.shape[2], MOST_FRAMES);
  const size = tileSize(volume, options.tile);
  const frame = size.height + STRIP;
  const canvas = new Canvas(size.width, frame * chosen.length);
  grey(volume, chosen, options.window, size).forEach((pixels, k) => {
    canvas.paste(pixels, 0, k * frame, size);
    const text = captionOf(volume, chosen[k]!, options.placed);
    canvas.write({ x: 2, y: k * frame + size.height + TEXT + 1, text, size: TEXT });
  });
  const raw = { width: size.width, height: frame * chosen.length, channels: 1, pageHeight: frame } as const;
  const image = sharp(await canvas.drawn(), { raw, limitInputPixels: false });
  const timing = { loop: 0, delay: chosen.map(() => frameTime(chosen.length)) };
  if (kind === "webp") return await image.webp({ ...timing, lossless: true, effort: 1 }).toBuffer();
  return await image
    .gif({ ...timing, dither: 0, interPaletteMaxError: 0, effort: 7, keepDuplicateFrames: true })
    .toBuffer();
}
