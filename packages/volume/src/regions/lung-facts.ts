import type { Volume } from "../volume.js";
import { voxelMl } from "./grid.js";
import { LEFT, RIGHT } from "./lung-markers.js";

/**
 * What a caller should know before trusting the detected lungs:
 * - `cut-below`, `cut-above`: the scan ends within the lungs; `cut-aside`: the image border or the reconstruction
 *   circle cuts them;
 * - `one-lung`: only one was found; `unequal`: the smaller is below 40 % of the larger;
 * - `small`, `large`: together less than 1.5 or more than 9 litres;
 * - `joined`: both were one air-filled space, which was divided along its densest line or at its middle;
 * - `dense-border`: tissue without air between lung and ribs was counted as lung (consolidation, effusion), 20 ml or
 *   more;
 * - `widened`: the box reaches beyond the mask, downward or to the other side, because lung seems to be missing there.
 */
export type LungFlag =
  | "cut-below"
  | "cut-above"
  | "cut-aside"
  | "one-lung"
  | "unequal"
  | "small"
  | "large"
  | "joined"
  | "dense-border"
  | "widened";

/** An end slice may cut the lungs where it has at least this share of their largest cross-section. */
const CUT_SHARE = 0.1;
/** cm² of lung at the side borders of the image. */
const CUT_ASIDE = 10;
export const UNEQUAL = 0.4;
const LITRES = [1500, 9000] as const;

export interface LungFacts {
  rightMl: number;
  leftMl: number;
  /** cm² of lung in each slice, feet first. */
  area: number[];
  /** cm² of lung at the side borders of the image or of the reconstruction circle. */
  asideCm2: number;
}

/** @param labels LPS; @param unseen padding that reaches the border */
export function measureLungs(scan: Volume, labels: Uint8Array, unseen: Uint8Array): LungFacts {
  const [nx, ny, nz] = scan.shape;
  const [sx, sy, sz] = scan.spacing;
  const count = [0, 0, 0];
  const area = new Array<number>(nz).fill(0);
  let asideCm2 = 0;
  const gone = (i: number, edge: boolean) => edge || unseen[i] === 1;
  for (let z = 0, i = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      for (let x = 0; x < nx; x++, i++) {
        const label = labels[i] as number;
        if (label === 0) continue;
        count[label] = (count[label] as number) + 1;
        area[z] = (area[z] as number) + (sx * sy) / 100;
        if (gone(i - 1, x === 0) || gone(i + 1, x === nx - 1)) asideCm2 += (sy * sz) / 100;
        if (gone(i - nx, y === 0) || gone(i + nx, y === ny - 1)) asideCm2 += (sx * sz) / 100;
      }
    }
  }
  const ml = voxelMl(scan);
  return { rightMl: (count[RIGHT] as number) * ml, leftMl: (count[LEFT] as number) * ml, area, asideCm2 };
}

/** How the lungs were found. */
export interface LungWays {
  joined: boolean;
  dense: boolean;
  widened: boolean;
}

/**
 * Whether lungs continue beyond an end of the scan. Where thick slices skip their tip, the last cross-section is still
 * large; if at the same rate of decrease it would vanish within the next slice, the lungs are complete.
 * @param end area in the slice at the end @param next area in the slice beside it
 */
const goesOn = (end: number, next: number, largest: number): boolean =>
  end > CUT_SHARE * largest && end > next - end;

export function flagsOf({ rightMl, leftMl, area, asideCm2 }: LungFacts, ways: LungWays): LungFlag[] {
  const largest = Math.max(...area);
  const [lesser, greater] = [Math.min(rightMl, leftMl), Math.max(rightMl, leftMl)];
  const total = lesser + greater;
  const facts: [LungFlag, boolean][] = [
    ["cut-below", goesOn(area[0] as number, area[1] ?? 0, largest)],
    ["cut-above", goesOn(area.at(-1) as number, area.at(-2) ?? 0, largest)],
    ["cut-aside", asideCm2 > CUT_ASIDE],
    ["one-lung", lesser === 0],
    ["unequal", lesser > 0 && lesser < UNEQUAL * greater],
    ["small", total < LITRES[0]],
    ["large", total > LITRES[1]],
    ["joined", ways.joined],
    ["dense-border", ways.dense],
    ["widened", ways.widened],
  ];
  return facts.filter(([, holds]) => holds).map(([flag]) => flag);
}
