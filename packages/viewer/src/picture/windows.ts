/** Which values are drawn from black to white. */
export interface ValueWindow {
  level: number;
  width: number;
}

/** Usual windows of CT, in HU. */
export const CT_WINDOWS = {
  lung: { level: -600, width: 1500 },
  mediastinum: { level: 40, width: 400 },
  bone: { level: 400, width: 1800 },
  brain: { level: 40, width: 80 },
} as const satisfies Record<string, ValueWindow>;

export type WindowName = keyof typeof CT_WINDOWS | "full" | "own";

/** Values without a unit have no usual windows. */
export const windowNames = (unit: "HU" | "arbitrary"): WindowName[] =>
  unit === "HU" ? ["lung", "mediastinum", "bone", "brain", "full", "own"] : ["full", "own"];

/** @param range smallest and largest value of the scan */
export function namedWindow(
  name: Exclude<WindowName, "own">,
  [low, high]: readonly [number, number],
): ValueWindow {
  if (name !== "full") return CT_WINDOWS[name];
  return { level: (low + high) / 2, width: Math.max(high - low, Number.EPSILON) };
}

export const limitsOf = ({ level, width }: ValueWindow): [number, number] => [
  level - width / 2,
  level + width / 2,
];
