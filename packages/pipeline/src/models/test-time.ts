/** Test-time augmentation: the views of a volume whose predictions are averaged, as a part of a model's contract. */
import { z } from "zod";

export const FLIPS = ["horizontal", "vertical", "slices"] as const;

export const testTimeSchema = z.strictObject({
  /** Mirrored left to right, top to bottom, or in the order of slices: a view each. */
  flips: z.array(z.enum(FLIPS)),
  /** Pixels of the prepared slices; four views, moved up, down, left and right. 0: none. */
  shift: z.int().min(0),
  /** A share of the window's width; two views, brighter and darker. 0: none. */
  window: z.number().min(0).lt(1),
  /** Pairs of classes that a horizontal flip exchanges. */
  swap: z.array(z.tuple([z.int().min(0), z.int().min(0)])),
});

export type TestTime = z.output<typeof testTimeSchema>;

/** One view besides the plain one. */
export type View =
  | { kind: "mirror"; axis: (typeof FLIPS)[number] }
  | { kind: "shift"; down: number; right: number }
  | { kind: "window"; shift: number };

export function viewsOf({ flips, shift, window }: TestTime): View[] {
  const shifts = [
    [-shift, 0],
    [shift, 0],
    [0, -shift],
    [0, shift],
  ] as const;
  return [
    ...flips.map((axis): View => ({ kind: "mirror", axis })),
    ...(shift === 0 ? [] : shifts.map(([down, right]): View => ({ kind: "shift", down, right }))),
    ...(window === 0 ? [] : [-window, window].map((by): View => ({ kind: "window", shift: by }))),
  ];
}
