/** The slices that the model saw, and how much each of them counted. */
import type { GraphFacts, OnnxScanResult } from "@slicestack/volume/onnx";
import { node } from "./node.js";

/** HU of lung and soft tissue; other values from the smallest to the largest. */
const CT_WINDOW = [-1000, 400] as const;

export function sliceView({ prepared, slices }: OnnxScanResult, { input }: GraphFacts): HTMLElement {
  const [count, height, width] = prepared.shape;
  const weights = axialWeights(slices, count);
  const first = weights === null ? Math.floor(count / 2) : weights.indexOf(Math.max(...weights));
  const canvas = node("canvas", {
    width: String(width),
    height: String(height),
    role: "img",
  }) as HTMLCanvasElement;
  const slider = node("input", {
    type: "range",
    min: "0",
    max: String(count - 1),
    value: String(first),
    "aria-label": "Slice",
  }) as HTMLInputElement;
  const caption = node("figcaption", {});
  const window = input.unit === "HU" ? CT_WINDOW : rangeOf(prepared.slices_SHW);
  const strip = weights === null ? [] : [weightStrip(weights, (slice) => show(slice))];

  function show(slice: number): void {
    slider.value = String(slice);
    const text = `Slice ${slice + 1} of ${count}, from the feet${weights === null ? "" : `, weight ${weights[slice]!.toFixed(3)}`}`;
    caption.textContent = text;
    slider.setAttribute("aria-valuetext", text);
    canvas.setAttribute("aria-label", text);
    draw(canvas, prepared.slices_SHW.subarray(slice * width * height, (slice + 1) * width * height), window);
    strip[0]?.querySelectorAll("rect").forEach((bar, k) => bar.classList.toggle("shown", k === slice));
  }

  slider.addEventListener("input", () => show(Number(slider.value)));
  show(first);
  return node("figure", {}, canvas, ...strip, slider, caption);
}

/** One weight for each axial slice, 0 for those that the model did not see; null without weights. */
function axialWeights(slices: OnnxScanResult["slices"], count: number): number[] | null {
  if (slices.length === 0 || slices.some(({ weight }) => weight === null)) return null;
  const weights = new Array<number>(count).fill(0);
  for (const { slice, weight } of slices) if (slice !== null) weights[slice] = weight!;
  return weights;
}

function draw(
  canvas: HTMLCanvasElement,
  values: ArrayLike<number>,
  [low, high]: readonly [number, number],
): void {
  const context = canvas.getContext("2d")!;
  const image = context.createImageData(canvas.width, canvas.height);
  for (let k = 0; k < values.length; k++) {
    const grey = (255 * (values[k]! - low)) / (high - low);
    image.data.set([grey, grey, grey, 255], 4 * k);
  }
  context.putImageData(image, 0, 0);
}

function rangeOf(values: ArrayLike<number>): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (let k = 0; k < values.length; k++) {
    low = Math.min(low, values[k]!);
    high = Math.max(high, values[k]!);
  }
  return [low, high > low ? high : low + 1];
}

const SVG = "http://www.w3.org/2000/svg";

/** Bars, one a slice; the slider below says the same to those who do not see them. */
function weightStrip(weights: readonly number[], show: (slice: number) => void): SVGSVGElement {
  const strip = document.createElementNS(SVG, "svg");
  strip.setAttribute("viewBox", `0 0 ${weights.length} 1`);
  strip.setAttribute("preserveAspectRatio", "none");
  strip.setAttribute("aria-hidden", "true");
  const most = Math.max(...weights);
  weights.forEach((weight, slice) => {
    const bar = document.createElementNS(SVG, "rect");
    const height = most === 0 ? 0 : Math.max(0.02, weight / most);
    const place = { x: slice + 0.1, y: 1 - height, width: 0.8, height };
    for (const [name, value] of Object.entries(place)) bar.setAttribute(name, String(value));
    strip.append(bar);
  });
  strip.addEventListener("click", ({ offsetX }) => {
    show(Math.min(weights.length - 1, Math.floor((offsetX / strip.clientWidth) * weights.length)));
  });
  return strip;
}
