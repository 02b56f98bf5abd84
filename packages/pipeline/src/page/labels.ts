/** Text on pictures of voxels. */
import { escapeXml } from "./drawing.js";
import { fontOptions } from "./fonts.js";

export interface Label {
  /** Pixels from the left to the start (or middle, or end) of the text. */
  x: number;
  /** Pixels from the top to the baseline of the text. */
  y: number;
  text: string;
  /** Pixels. */
  size: number;
  anchor?: "start" | "middle" | "end";
}

/** Width of a text in pixels, estimated generously: digits of DejaVu Sans are 0.64 of its size wide. */
export const labelWidth = (text: string, size: number): number => Math.ceil(text.length * size * 0.65);

/**
 * Coverage of each pixel by text, 0..255, row by row. All labels are drawn in one pass.
 * Nothing is covered if the system has no font at all.
 */
export async function coverage(labels: readonly Label[], width: number, height: number): Promise<Uint8Array> {
  const { Resvg } = await import("@resvg/resvg-js");
  const texts = labels.map(
    ({ x, y, text, size, anchor = "start" }) =>
      `<text x="${x}" y="${y}" font-size="${size}" text-anchor="${anchor}">${escapeXml(text)}</text>`,
  );
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="DejaVu Sans, sans-serif">${texts.join("")}</svg>`;
  const rgba = new Resvg(svg, { font: fontOptions() }).render().pixels;
  const alpha = new Uint8Array(width * height);
  for (let i = 0; i < alpha.length; i++) alpha[i] = rgba[4 * i + 3] as number;
  return alpha;
}
