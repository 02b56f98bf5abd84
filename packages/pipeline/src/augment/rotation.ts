/** Rotation about the centre: in the plane of a slice, and of a volume also by a tilt out of it. */
import { z } from "zod";
import { turn } from "./matrix.js";
import { probability, range } from "./option-ranges.js";
import { within } from "./samples.js";
import { defineAffine } from "./transform.js";

/** The axes that each angle turns, from the first towards the second: x and y, and of a volume y and z, x and z. */
function turns(dims: number): readonly (readonly [from: number, to: number])[] {
  const inPlane = [0, 1] as const;
  return dims === 2 ? [inPlane] : [inPlane, [1, 2], [0, 2]];
}

export const rotation = defineAffine({
  name: "rotation",
  source: "Garg, Garg, Duncan, Electronics 14(13), 2571, 2025",
  architecture: "rotation about the centre",
  options: z.strictObject({
    probability: probability(1),
    degrees: range([-180, 180], [-15, 15], "Rotation in the plane of the slice, counter-clockwise"),
    tilt: range(
      [-45, 45],
      [0, 0],
      "Rotation of a volume about its two other axes, in degrees; no effect on slices",
    ),
  }),
  // The tilt is for volumes: slices see the rotation of the paper.
  presets: {
    published: { tilt: [-5, 5] },
    light: { degrees: [-7, 7], tilt: [-2, 2] },
    strong: { tilt: [-5, 5] },
  },
  /** Degrees: in the plane of the slice, counter-clockwise; of a volume also from y and from x towards z. */
  draw: ({ degrees, tilt }, sides, random): readonly number[] =>
    (sides.length === 2 ? [degrees] : [degrees, tilt, tilt]).map((angles) => within(random, angles)),
  matrices: (angles, { length: dims }) =>
    turns(dims).map(([from, to], k) => turn(dims, from, to, angles[k] ?? 0)),
});
