/**
 * Turns a Vega-Lite specification into an SVG for a page, and an SVG into PNG. Text and axes take the colour of the page
 * (`currentColor`), so that a figure is readable on light and dark backgrounds.
 */
import { createHash } from "node:crypto";
import CRC32 from "crc-32";
import type { TopLevelSpec } from "vega-lite";
import { fontOptions } from "./fonts.js";
import { visible } from "./visible.js";

/** A Vega-Lite view without `$schema` and `config`, which drawSvg adds. */
export type Spec = Record<string, unknown>;

/** The palette of Okabe & Ito, Color Universal Design (2008), without the colours that are too light for a line on white. */
export const PALETTE = {
  blue: "#0072B2",
  vermillion: "#D55E00",
  green: "#009E73",
  purple: "#CC79A7",
  orange: "#E69F00",
  sky: "#56B4E9",
  grey: "#7A7A7A",
} as const;

const MODEL_COLOURS: Record<string, string> = {
  majority: PALETTE.grey,
  shortcut: PALETTE.vermillion,
  metadata: PALETTE.orange,
  "2d_vote": PALETTE.green,
  "2d_count": "#004D40",
  "2.5d": PALETTE.blue,
  "2.5d_frozen": PALETTE.sky,
  "3d": PALETTE.purple,
};

/** The colour of axes and text: that of the surrounding page. */
export const INK = "currentColor";

/** For methods without a fixed colour: Paul Tol's muted scheme, without colours close to those above. */
const FURTHER_COLOURS = ["#882255", "#332288", "#999933", "#661100", "#AA4499", "#117733", "#44AA99"];

/** Names of variants in studies, in lower case, and the model that each name means. */
const SAME_METHOD: Record<string, string> = { "2d": "2d_vote" };

/** The colour of each method, the same in every figure: a fixed one if the method has it, otherwise an unused one. */
export function coloursOf(names: readonly string[]): Map<string, string> {
  const fixed = (name: string) => MODEL_COLOURS[SAME_METHOD[name.toLowerCase()] ?? name.toLowerCase()];
  const free = [...FURTHER_COLOURS, ...Object.values(PALETTE)].filter(
    (colour) => !names.some((name) => fixed(name) === colour),
  );
  const others = names.filter((name) => fixed(name) === undefined);
  return new Map(names.map((name) => [name, fixed(name) ?? free[others.indexOf(name) % free.length]!]));
}

/** The fixed colour of a model, or the first unused one. */
export const colourOf = (model: string): string => coloursOf([model]).get(model)!;

const FONT = "system-ui, -apple-system, Segoe UI, DejaVu Sans, Arial, sans-serif";

const CONFIG = {
  background: null,
  font: FONT,
  padding: 4,
  view: { stroke: null },
  title: { color: INK, fontSize: 13, fontWeight: 600, anchor: "start", offset: 10 },
  axis: {
    labelColor: INK,
    titleColor: INK,
    domainColor: INK,
    tickColor: INK,
    gridColor: INK,
    gridOpacity: 0.13,
    domainOpacity: 0.5,
    tickOpacity: 0.5,
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: 400,
    labelLimit: 400,
    labelFlush: false,
  },
  legend: {
    labelColor: INK,
    titleColor: INK,
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: 600,
    labelLimit: 400,
    titleLimit: 400,
    symbolType: "stroke",
    symbolSize: 220,
  },
  text: { font: FONT },
};

/** How Vega measures text; Vega exports it, but its types do not. */
interface TextMetrics {
  width: (item: { fontSize?: number }, text: string) => number;
}

/** Mean width of a letter of DejaVu Sans, a wide font, as a fraction of its size. Vega's estimate without a canvas is 0.8. */
const LETTER_WIDTH = 0.6;

/**
 * Draws a figure.
 * @param alternative a short title, and a description of what the figure shows
 * @returns a self-contained `<svg role="img">` with title and desc. Its ids are derived from its content, so a figure always
 * has the same bytes, and several figures can be in one page
 */
export async function drawSvg(
  spec: Spec,
  alternative: { title: string; description: string },
): Promise<string> {
  // Vega takes a third of a second to load, so it is loaded only when a figure is drawn.
  const [vega, vegaLite] = await Promise.all([import("vega"), import("vega-lite")]);
  const { textMetrics } = vega as unknown as { textMetrics: TextMetrics };
  textMetrics.width = (item, text) => LETTER_WIDTH * (item.fontSize ?? 11) * text.length;
  const { spec: compiled } = vegaLite.compile({ ...spec, config: CONFIG } as unknown as TopLevelSpec);
  const view = new vega.View(vega.parse({ ...compiled, description: "" }), { renderer: "none" });
  try {
    vega.resetSVGDefIds(); // Vega numbers its ids across all figures of a process
    const svg = await view.toSVG();
    return describeSvg(svg, alternative);
  } finally {
    view.finalize();
  }
}

/** A figure that is not a chart. @param body SVG elements; text takes the font and the colour of the page */
export function wrapSvg(
  { width, height, body }: { width: number; height: number; body: string },
  alternative: { title: string; description: string },
): string {
  const size = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
  const text = `font-family="${FONT}" font-size="12" fill="${INK}"`;
  return describeSvg(`<svg xmlns="http://www.w3.org/2000/svg" ${size} ${text}>${body}</svg>`, alternative);
}

/** Adds the text alternative, and makes ids unique, because a page has several figures. */
function describeSvg(svg: string, alternative: { title: string; description: string }): string {
  const { title, description } = alternative;
  const mark = createHash("sha256")
    .update(JSON.stringify([alternative, svg]))
    .digest("hex")
    .slice(0, 8);
  const prefix = `figure-${mark}`;
  const ids = svg
    .replace(/\bid="([^"]+)"/g, `id="${prefix}-$1"`)
    .replace(/url\(#([^)]+)\)/g, `url(#${prefix}-$1)`);
  const inner = ids.replace(/ (role|aria-[a-z]+)="[^"]*"/g, "");
  const labels = `role="img" aria-labelledby="${prefix}-title ${prefix}-desc"`;
  const texts = `<title id="${prefix}-title">${escapeXml(title)}</title><desc id="${prefix}-desc">${escapeXml(description)}</desc>`;
  return inner.replace(/<svg ([^>]*)>/, (_, attributes: string) => `<svg ${labels} ${attributes}>${texts}`);
}

/** Text for HTML and XML, in content and in quoted attributes. */
export function escapeXml(text: string): string {
  const entities: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return visible(text).replace(/[&<>"']/g, (character) => entities[character]!);
}

/** Pixels per inch of a picture for print; a pixel of a page is 1/96 inch. */
const PRINT_DPI = 300;

/**
 * An SVG as PNG on white, at 300 pixels per inch, which the file records. Text is set in DejaVu Sans from its Debian path,
 * otherwise in any sans-serif font of the system; without a font the picture has no text.
 */
export async function svgToPng(svg: string): Promise<Uint8Array> {
  const { Resvg } = await import("@resvg/resvg-js");
  const fitTo = { mode: "zoom", value: PRINT_DPI / 96 } as const;
  const png = new Resvg(svg, { background: "#ffffff", fitTo, font: fontOptions() }).render().asPng();
  return withDensity(png, PRINT_DPI);
}

/** The end of the signature and the IHDR chunk of a PNG, after which its density may follow. */
const HEADER_END = 33;

/** Adds the pHYs chunk: pixels per metre (W3C PNG, 11.3.4.3). */
function withDensity(png: Uint8Array, dpi: number): Uint8Array {
  const chunk = Buffer.alloc(21);
  chunk.writeUInt32BE(9, 0);
  chunk.write("pHYs", 4, "latin1");
  chunk.writeUInt32BE(Math.round(dpi / 0.0254), 8);
  chunk.writeUInt32BE(Math.round(dpi / 0.0254), 12);
  chunk.writeUInt8(1, 16); // the unit is the metre
  chunk.writeInt32BE(CRC32.buf(chunk.subarray(4, 17)), 17);
  return Buffer.concat([png.subarray(0, HEADER_END), chunk, png.subarray(HEADER_END)]);
}
