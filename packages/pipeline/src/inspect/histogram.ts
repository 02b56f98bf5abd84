/** Histograms of values: bars for a terminal, and a figure. */
import { drawSvg, PALETTE, type Spec } from "../page/drawing.js";
import { short } from "./number-text.js";
import type { ValueCounts } from "./values.js";

export interface Histogram {
  /** Ascending; bin k extends from edge k to edge k + 1, which is excluded. */
  edges: number[];
  /** Fractions of all values, one per bin. */
  shares: number[];
}

type Unit = "HU" | "arbitrary";

/**
 * In HU, bins of 100 from -1100 to 1000 and one for denser values; otherwise 16 bins over all values. Empty bins
 * at the ends are left out.
 */
export function coarseHistogram(counts: ValueCounts, unit: Unit): Histogram {
  return histogramOf(counts, unit === "HU" ? steps(-1100, 1000, 100) : evenly(counts, 16));
}

/** For figures: bins of 20 HU up to 2000, otherwise 64 bins. */
export function fineHistogram(counts: ValueCounts, unit: Unit): Histogram {
  return histogramOf(counts, unit === "HU" ? steps(-1200, 2000, 20) : evenly(counts, 64));
}

function histogramOf(counts: ValueCounts, innerEdges: readonly number[]): Histogram {
  const { least, most } = counts;
  const [low, high] = [innerEdges[0]!, innerEdges.at(-1)!];
  const edges = [
    ...(least < low ? [least] : []),
    ...innerEdges,
    ...(most >= high ? [edgeBeyond(most, counts)] : []),
  ];
  const counted = counts.between(edges);
  const total = counted.reduce((sum, n) => sum + n, 0);
  const first = Math.max(
    0,
    counted.findIndex((n) => n > 0),
  );
  const last = counted.findLastIndex((n) => n > 0);
  const kept = counted.slice(first, last + 1);
  return { edges: edges.slice(first, last + 2), shares: kept.map((n) => n / total) };
}

const steps = (from: number, to: number, step: number): number[] =>
  Array.from({ length: Math.round((to - from) / step) + 1 }, (_, k) => from + k * step);

/** Whole edges for whole numbers, so that every bin covers equally many of them. */
function evenly(counts: ValueCounts, bins: number): number[] {
  const { least, most, exact } = counts;
  if (!Number.isFinite(least)) return [0, 1];
  if (exact) {
    const step = Math.max(1, Math.ceil((most - least + 1) / bins));
    return steps(least, least + step * Math.ceil((most - least + 1) / step), step);
  }
  const end = edgeBeyond(most, counts);
  return Array.from({ length: bins + 1 }, (_, k) => least + ((end - least) * k) / bins);
}

/** An edge beyond the largest value. */
const edgeBeyond = (most: number, { exact }: ValueCounts): number =>
  exact ? most + 1 : most + Math.max(Math.abs(most) * 1e-9, Number.MIN_VALUE);

const BAR = 40;
const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** One line per bin; the length of a bar is the square root of the fraction, so that small ones are visible. */
export function histogramText({ edges, shares }: Histogram): string {
  const most = Math.max(...shares);
  const names = shares.map((_, k) => `${short(edges[k]!)} …`);
  const width = Math.max(...names.map((name) => name.length));
  return shares
    .map((share, k) => {
      const eighths = Math.round(Math.sqrt(share / most) * BAR * 8);
      const bar = "█".repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8]!;
      return `  ${names[k]!.padStart(width)}  ${percent(share).padStart(6)}  ${bar}`.trimEnd();
    })
    .join("\n");
}

function percent(share: number): string {
  if (share === 0) return "–";
  return share < 0.0005 ? "<0.1 %" : `${(share * 100).toFixed(1)} %`;
}

export interface FigureOptions {
  title: string;
  unit: Unit;
  /** Shaded. */
  window: readonly [number, number];
}

/** The histogram as SVG; the height is the square root of the fraction. The last HU bin contains all denser values. */
export async function histogramSvg(
  counts: ValueCounts,
  { title, unit, window }: FigureOptions,
): Promise<string> {
  const { edges, shares } = fineHistogram(counts, unit);
  const cut = unit === "HU" ? 2000 : Infinity;
  const bars = shares.map((share, k) => ({ from: edges[k]!, to: Math.min(edges[k + 1]!, cut + 20), share }));
  const ends = [Math.min(window[0], bars[0]!.from), Math.max(window[1], bars.at(-1)!.to)];
  const denser = bars.find(({ from }) => from >= cut)?.share ?? 0;
  const x = {
    type: "quantitative",
    scale: { domain: ends, nice: false },
    title: unit === "HU" ? "HU" : "value",
    axis: { format: "~r" },
  };
  const spec: Spec = {
    width: 640,
    height: 240,
    title: { text: title, subtitle: subtitleOf(window, denser), subtitleColor: "currentColor" },
    layer: [
      {
        data: { values: [{ low: window[0], high: window[1] }] },
        mark: { type: "rect", color: PALETTE.sky, opacity: 0.18 },
        encoding: { x: { field: "low", ...x }, x2: { field: "high" } },
      },
      {
        data: { values: bars },
        mark: { type: "rect", color: PALETTE.blue },
        encoding: {
          x: { field: "from", ...x },
          x2: { field: "to" },
          y: {
            field: "share",
            type: "quantitative",
            title: "share of voxels",
            scale: { type: "sqrt" },
            axis: { format: "~%", tickCount: 5 },
          },
          y2: { datum: 0 },
        },
      },
    ],
  };
  const peak = bars.reduce((best, bar) => (bar.share > best.share ? bar : best));
  const description = `Values from ${short(counts.least)} to ${short(counts.most)}, most of them from ${short(peak.from)} to ${short(peak.to)} (${percent(peak.share)}).`;
  return await drawSvg(spec, { title, description });
}

function subtitleOf([low, high]: readonly [number, number], denser: number): string {
  const beyond = denser > 0 ? `; the last bar contains all values above 2000 HU` : "";
  return `shaded: the window ${short(low)} to ${short(high)} of the pictures${beyond}`;
}
