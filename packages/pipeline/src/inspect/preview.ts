/** A picture as text: each character is two pixels, one above the other, in 24-bit colour. */
import type { Volume } from "@slicestack/volume";
import { grey, spreadSlices, type Window } from "./tiles.js";

export interface PreviewOptions {
  window: Window;
  /** Characters across the terminal. */
  columns: number;
}

const [MOST_COLUMNS, SLICES, GAP] = [120, 3, 2];
const RESET = "\u001b[0m";

/** Three slices beside each other, a quarter, half and three quarters of the way up. @param volume upright (`turned`) */
export function preview(volume: Volume, { window, columns }: PreviewOptions): string {
  const chosen = spreadSlices(volume.shape[2], SLICES);
  const width = Math.floor((Math.min(columns, MOST_COLUMNS) - GAP * (chosen.length - 1)) / chosen.length);
  const mm = [volume.shape[0] * volume.spacing[0], volume.shape[1] * volume.spacing[1]] as const;
  const height = 2 * Math.max(1, Math.round((width * mm[1]) / mm[0] / 2));
  const slices = grey(volume, chosen, window, { width, height });
  const lines = Array.from({ length: height / 2 }, (_, row) =>
    slices.map((pixels) => lineOf(pixels, width, row)).join(`${RESET}${" ".repeat(GAP)}`),
  );
  return lines.map((line) => `${line}${RESET}`).join("\n");
}

/** The upper half block has the colour of the upper pixel, and its background that of the lower one. */
function lineOf(pixels: Uint8Array, width: number, row: number): string {
  let line = "";
  let last = "";
  for (let x = 0; x < width; x++) {
    const [upper, lower] = [pixels[2 * row * width + x]!, pixels[(2 * row + 1) * width + x]!];
    const colour = `\u001b[38;2;${upper};${upper};${upper};48;2;${lower};${lower};${lower}m`;
    line += colour === last ? "▀" : `${colour}▀`;
    last = colour;
  }
  return line;
}

/** Whether a terminal supports it, by its own declaration. */
export function canPreview(
  stream: { isTTY?: boolean | undefined },
  env: Record<string, string | undefined>,
): boolean {
  return stream.isTTY === true && /^(truecolor|24bit)$/i.test(env["COLORTERM"] ?? "");
}
