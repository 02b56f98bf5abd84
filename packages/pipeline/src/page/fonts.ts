/** The font of text in pictures. */
import { existsSync } from "node:fs";
import type { ResvgRenderOptions } from "@resvg/resvg-js";

const DEJAVU = ["DejaVuSans.ttf", "DejaVuSans-Bold.ttf"].map(
  (file) => `/usr/share/fonts/truetype/dejavu/${file}`,
);

/** DejaVu Sans from its Debian path, so that pictures are the same on each machine; otherwise any font of the system. */
export function fontOptions(): NonNullable<ResvgRenderOptions["font"]> {
  const fontFiles = DEJAVU.filter((file) => existsSync(file));
  if (fontFiles.length === 0) return { loadSystemFonts: true };
  return {
    loadSystemFonts: false,
    fontFiles,
    defaultFontFamily: "DejaVu Sans",
    sansSerifFamily: "DejaVu Sans",
  };
}
