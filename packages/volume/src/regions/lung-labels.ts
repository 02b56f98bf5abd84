import type { Volume } from "../volume.js";
import { findAirway } from "./airway.js";
import { bodyMiddle } from "./body-middle.js";
import type { BodyParts } from "./body-parts.js";
import { addDenseBorder, type DenseBorder } from "./dense-border.js";
import { LEFT, markLungs, OTHER, RIGHT } from "./lung-markers.js";
import { closing, fillHolesInSlices } from "./morphology.js";
import { flood } from "./watershed.js";

/** mm; the mask closes over vessels, nodules and notches at the lung surface up to twice as wide. */
const CLOSING_MM = 14;

export interface LungLabels {
  /** 0 outside, RIGHT, LEFT. */
  labels: Uint8Array;
  /** True where both lungs were one air-filled space, which was divided along its densest line. */
  joined: boolean;
  dense: DenseBorder;
}

/** Right and left lung on a coarse LPS grid. @returns null where no air-filled space resembles lung */
export function labelLungs(
  scan: Volume & { data: Int16Array },
  { inner, body, airHu }: BodyParts,
): LungLabels | null {
  const airway = findAirway(scan, inner, airHu);
  const spaces = new Uint8Array(inner.length);
  for (let i = 0; i < spaces.length; i++) spaces[i] = inner[i] === 1 && airway[i] === 0 ? 1 : 0;
  const middle = bodyMiddle(body, scan.shape, 0, scan.shape[2]);
  const markers = markLungs(scan, spaces, airHu, middle);
  if (markers === null) return null;
  const { labels, joined } = markers;
  flood(labels, spaces, scan.data, scan.shape);
  // Other gas is excluded, and the lungs cannot grow into it.
  const free = new Uint8Array(labels.length);
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] === OTHER) labels[i] = 0;
    else free[i] = body[i] === 1 && airway[i] === 0 ? 1 : 0;
  }
  const dense = addDenseBorder(scan, labels, free);
  for (const label of [RIGHT, LEFT]) {
    const closed = closedLung(scan, labels, label);
    for (let i = 0; i < labels.length; i++)
      if (closed[i] === 1 && labels[i] === 0 && free[i] === 1) labels[i] = label;
  }
  return { labels, joined, dense };
}

function closedLung(scan: Volume, labels: Uint8Array, label: number): Uint8Array {
  const own = new Uint8Array(labels.length);
  for (let i = 0; i < own.length; i++) own[i] = labels[i] === label ? 1 : 0;
  return fillHolesInSlices(closing(own, scan, CLOSING_MM), scan);
}
