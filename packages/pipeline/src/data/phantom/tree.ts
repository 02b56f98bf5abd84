import type { Random } from "@slicestack/stats";
import type { Anatomy } from "./anatomy.js";
import { insideLung, levelAt } from "./anatomy.js";
import type { Segment } from "./grid.js";

type Vector = [number, number, number];

export interface Trees {
  vessels: Segment[];
  airways: Segment[];
}

/** Trachea, main bronchi and, on either side, a tree of vessels and a shorter one of bronchi from the hilum outwards. */
export function growTrees(anatomy: Anatomy, random: Random): Trees {
  const H = anatomy.lungHeight;
  const carina: Vector = [random.uniform(-2, 3), 4, H * 0.6];
  const tracheaRadius = anatomy.sex === "F" ? 7 : 8.5;
  const airways: Segment[] = [{ from: [0, -8, H * 1.15], to: carina, radius: tracheaRadius }];
  const vessels: Segment[] = [];
  for (const side of [-1, 1]) {
    const hilum: Vector = [side * 40 * (side < 0 ? 0.9 : 1), 2, H * (side < 0 ? 0.51 : 0.53)];
    airways.push({ from: carina, to: hilum, radius: tracheaRadius * 0.68 });
    const trunks: Vector[] = [
      [side * 0.45, -0.35, 0.8],
      [side * 0.45, 0.45, 0.75],
      [side * 0.9, -0.6, -0.05],
      [side * 0.75, 0.65, 0.1],
      [side * 0.5, 0.5, -0.9],
      [side * 0.7, -0.1, -0.85],
      [side * 0.2, 0.6, -1],
    ];
    for (const trunk of trunks) {
      branch(
        anatomy,
        random,
        vessels,
        hilum,
        jitter(trunk, random, 0.2),
        random.uniform(34, 52),
        random.uniform(2.9, 4.1),
        0,
      );
    }
    for (let n = 0; n < 130; n++) scatter(anatomy, random, vessels, hilum, side);
    for (const trunk of trunks.filter((_, i) => i % 2 === 0)) {
      const from: Vector = [hilum[0] + side * 2, hilum[1] - 5, hilum[2]];
      branch(anatomy, random, airways, from, jitter(trunk, random, 0.15), random.uniform(24, 34), 2.5, 4);
    }
  }
  return { vessels, airways };
}

/** A short piece of a small vessel somewhere in the lung, running away from the hilum and thinner towards the pleura. */
function scatter(anatomy: Anatomy, random: Random, out: Segment[], hilum: Vector, side: number): void {
  const at: Vector = [
    side * random.uniform(12, 130),
    random.uniform(-95, 95),
    random.uniform(0.05, 1) * anatomy.lungHeight,
  ];
  const depth = insideLung(anatomy, levelAt(anatomy, at[2]), at[0], at[1]);
  if (depth < 4) return;
  const away = jitter(unit([at[0] - hilum[0], at[1] - hilum[1], at[2] - hilum[2]]), random, 0.35);
  const half = Math.min(depth, random.uniform(6, 16));
  const along = (s: number): Vector => [
    at[0] + s * half * away[0],
    at[1] + s * half * away[1],
    at[2] + s * half * away[2],
  ];
  out.push({ from: along(-1), to: along(1), radius: 0.75 + Math.min(1.5, depth / 28) });
}

/** Two daughters at each fork, shorter and thinner (Murray's law gives 0.79); a branch that leaves the lung ends. */
function branch(
  anatomy: Anatomy,
  random: Random,
  out: Segment[],
  from: Vector,
  direction: Vector,
  length: number,
  radius: number,
  depth: number,
): void {
  const d = unit(direction);
  const to: Vector = [from[0] + d[0] * length, from[1] + d[1] * length, from[2] + d[2] * length];
  if (depth > 0 && insideLung(anatomy, levelAt(anatomy, to[2]), to[0], to[1]) < 3) {
    if (length < 9) return;
    return branch(anatomy, random, out, from, jitter(d, random, 0.5), length * 0.6, radius, depth);
  }
  out.push({ from, to, radius });
  if (depth >= 6 || radius < 0.8) return;
  for (let k = 0; k < 2; k++) {
    const spread = k === 0 ? 0.25 : 0.55;
    branch(
      anatomy,
      random,
      out,
      to,
      jitter(d, random, spread),
      length * random.uniform(0.66, 0.9),
      radius * 0.79,
      depth + 1,
    );
  }
  if (depth < 3)
    branch(anatomy, random, out, to, jitter(d, random, 1.1), length * 0.7, radius * 0.55, depth + 3);
}

function jitter(v: Vector, random: Random, amount: number): Vector {
  return [v[0] + random.normal(0, amount), v[1] + random.normal(0, amount), v[2] + random.normal(0, amount)];
}

function unit(v: Vector): Vector {
  const n = Math.hypot(...v) || 1;
  return [v[0] / n, v[1] / n, v[2] / n];
}
