/** A flow diagram as CLAIM and STARD require: volumes that were read, refused, left out and split. */
import { escapeXml, INK, wrapSvg } from "../../page/drawing.js";
import type { PartCounts } from "../part-counts.js";
import type { Figure } from "./figure.js";

export interface Flow {
  /** Volumes of the source, and those that could not be used. */
  read: number;
  refused: number;
  dataset: { name: string; volumes: number; subjects: number };
  /** Volumes of the data set that are not used, by reason. */
  leftOut: { reason: string; volumes: number }[];
  parts: PartCounts[];
  classes: string[];
  /** Another data set that is scored. */
  external: PartCounts | null;
}

interface Box {
  x: number;
  y: number;
  width: number;
  lines: string[];
  dashed?: boolean;
}

const [WIDTH, LINE, PAD, GAP] = [680, 18, 10, 28];
const heightOf = ({ lines }: Pick<Box, "lines">): number => lines.length * LINE + 2 * PAD;

export function flowFigure(flow: Flow): Figure {
  const { read, refused, dataset, leftOut, parts, external } = flow;
  const countText = (count: number, noun: string) => `${count} ${noun}${count === 1 ? "" : "s"}`;
  const main = { x: 40, width: 300 };
  const side = { x: 400, width: 240 };
  const sources: Box = { ...main, y: 4, lines: ["Sources read", countText(read, "volume")] };
  const sideBoxes: Box[] =
    refused === 0 ? [] : [{ ...side, y: 4, lines: ["Refused or quarantined", countText(refused, "source")] }];
  const prepared: Box = {
    ...main,
    y: sources.y + heightOf(sources) + GAP,
    lines: [
      `Data set ${short(dataset.name)}`,
      `${countText(dataset.volumes, "volume")} of ${countText(dataset.subjects, "subject")}`,
    ],
  };
  if (leftOut.length > 0)
    sideBoxes.push({
      ...side,
      y: prepared.y,
      lines: [
        "Left out",
        ...leftOut.map(({ reason, volumes }) => `${countText(volumes, "volume")}: ${reason}`),
      ],
    });
  const lowest = Math.max(...[prepared, ...sideBoxes].map((box) => box.y + heightOf(box)));
  const shown = external === null ? parts : [...parts, external];
  const width = (WIDTH - 8 - (shown.length - 1) * 16) / shown.length;
  const row = shown.map((part, k): Box => ({
    x: 4 + k * (width + 16),
    y: lowest + 1.5 * GAP,
    width,
    lines: partLines(part, flow.classes, countText),
    dashed: part === external,
  }));
  const ofSplit = row.filter(({ dashed }) => dashed !== true);
  const arrows = [
    arrow(middle(sources), sources.y + heightOf(sources), middle(sources), prepared.y),
    ...sideBoxes.map((box) =>
      arrow(main.x + main.width, box.y + heightOf(box) / 2, box.x, box.y + heightOf(box) / 2),
    ),
    ...branches(middle(prepared), prepared.y + heightOf(prepared), lowest + 0.75 * GAP, ofSplit),
  ];
  const boxes = [sources, prepared, ...sideBoxes, ...row];
  const height = Math.max(...boxes.map((box) => box.y + heightOf(box))) + 6;
  const body = `${arrows.join("")}${boxes.map(drawn).join("")}`;
  const boxTexts = boxes.map(({ lines }) => lines.join(", ")).join("; ");
  const svg = wrapSvg(
    { width: WIDTH, height, body },
    { title: "Flow of volumes", description: `${boxTexts}.` },
  );
  return {
    name: "flow",
    group: "data",
    caption: `From the sources to the parts of the split${external === null ? "" : "; the dashed box is the data set that this report scores"}.`,
    svg,
  };
}

const short = (text: string): string => (text.length > 28 ? `${text.slice(0, 27)}…` : text);
const middle = ({ x, width }: Pick<Box, "x" | "width">): number => x + width / 2;

function partLines(
  part: PartCounts,
  classes: readonly string[],
  countText: (n: number, noun: string) => string,
): string[] {
  const counts = part.byClass.map(({ volumes }, c) => `${short(classes[c] ?? "")}: ${volumes}`);
  const listed = counts.length > 8 ? [] : counts;
  return [
    short(part.part),
    countText(part.subjects, "subject"),
    countText(part.volumes, "volume"),
    ...listed,
  ];
}

function drawn({ x, y, width, lines, dashed = false }: Box): string {
  const dash = dashed ? ' stroke-dasharray="5 4"' : "";
  const rect = `<rect x="${x}" y="${y}" width="${width}" height="${heightOf({ lines })}" rx="3" fill="none" stroke="${INK}" stroke-opacity="0.6"${dash}/>`;
  const text = lines.map(
    (line, k) =>
      `<text x="${x + PAD}" y="${y + PAD + k * LINE + 13}" font-weight="${k === 0 ? 600 : 400}">${escapeXml(line)}</text>`,
  );
  return rect + text.join("");
}

function arrow(x1: number, y1: number, x2: number, y2: number): string {
  const [dx, dy] = [Math.sign(x2 - x1), Math.sign(y2 - y1)];
  const head = `M${x2 - 6 * dx - 4 * dy} ${y2 - 6 * dy - 4 * dx}L${x2} ${y2}L${x2 - 6 * dx + 4 * dy} ${y2 - 6 * dy + 4 * dx}`;
  return `<path d="M${x1} ${y1}L${x2} ${y2}${head}" fill="none" stroke="${INK}" stroke-opacity="0.6"/>`;
}

/** From one box down to a line across, and from there to each part. */
function branches(x: number, y: number, across: number, boxes: readonly Box[]): string[] {
  const ends = boxes.map(middle);
  const line = `M${x} ${y}L${x} ${across}M${Math.min(x, ...ends)} ${across}L${Math.max(x, ...ends)} ${across}`;
  const stem = `<path d="${line}" fill="none" stroke="${INK}" stroke-opacity="0.6"/>`;
  return [stem, ...boxes.map((box) => arrow(middle(box), across, middle(box), box.y))];
}
