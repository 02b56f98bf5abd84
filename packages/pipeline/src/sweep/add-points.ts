/** `sweep add`: points from files and from the command line. */
import { beginSweep, locateSweep, type SweepTarget } from "./begin.js";
import { parsePoint, readPoints } from "./given-points.js";
import { Sweep } from "./sweep.js";
import type { Point } from "./trial.js";

export interface AddPointsOptions extends SweepTarget {
  /** YAML files and folders of them. */
  files?: readonly string[];
  /** Points as JSON or YAML texts. */
  points?: readonly string[];
}

/**
 * Appends points to a sweep that may be running; a sweep that has not begun begins.
 * @returns for each given point the one of the sweep   @throws ConfigError where one is not a valid configuration: none is added
 */
export async function addPoints(
  given: string,
  { files = [], points = [], ...target }: AddPointsOptions,
): Promise<{ point: Point; isNew: boolean }[]> {
  const listed = [...files.flatMap(readPoints), ...points.map(parsePoint)];
  const found = locateSweep(given, target);
  const sweep = found.isBegun ? await Sweep.open(found.folder) : await beginSweep(given, target);
  return sweep.add(listed);
}
