/** `sweep add`: adds points from files and from the command line. */
import { beginSweep, locateSweep, type SweepTarget } from "./begin.js";
import { parsePoint, readPoints } from "./given-points.js";
import { Sweep } from "./sweep.js";
import type { Point } from "./trial.js";

export interface AddPointsOptions extends SweepTarget {
  /** YAML files, and folders of YAML files. */
  files?: readonly string[];
  /** Points as JSON or YAML text. */
  points?: readonly string[];
}

/**
 * Appends points to a sweep, which may be running; starts the sweep's folder if there is none yet.
 * @returns the sweep's point for each given point
 * @throws ConfigError if any of them is not a valid configuration; then none is added
 */
export async function addPoints(
  given: string,
  { files = [], points = [], ...target }: AddPointsOptions,
): Promise<{ point: Point; isNew: boolean }[]> {
  const listed = [...files.flatMap(readPoints), ...points.map(parsePoint)];
  const located = locateSweep(given, target);
  const sweep = located.isBegun ? await Sweep.open(located.folder) : await beginSweep(given, target);
  return sweep.add(listed);
}
