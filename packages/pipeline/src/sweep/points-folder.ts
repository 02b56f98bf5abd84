/** A folder of YAML files as a sweep, as the published launch_configs: each file is a point, default.yaml is their base. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, extname, join, resolve } from "node:path";
import { stringify } from "yaml";
import { readSource, type ConfigSource } from "../config/document.js";
import { readPoints } from "./given-points.js";
import type { ListedPoint } from "./space-file.js";
import type { Values } from "./trial.js";

/** The file with what all points share: in the folder, or beside it. */
const BASE = "default.yaml";

export const isFolder = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

/** Whether a folder holds files of points, and is not the folder of a sweep. */
export function holdsPoints(folder: string): boolean {
  const names = isFolder(folder) ? readdirSync(folder) : [];
  return !names.includes("sweep.yaml") && names.some((name) => /\.ya?ml$/i.test(name));
}

export interface PointsSource extends Pick<ConfigSource, "file" | "root"> {
  /** As of a sweep's file; the folder of the sweep keeps it. */
  text: string;
  locate: (
    path: readonly PropertyKey[],
    what: "key" | "value",
  ) => { file: string; line?: number; column?: number };
}

/**
 * The folder in the form of a sweep's file. A key of a point is located in the file of the point.
 * @throws ConfigError   @throws SweepError if there are no files
 */
export function sourceOfPoints(given: string): PointsSource {
  const folder = resolve(given);
  const shared = [join(folder, BASE), join(dirname(folder), BASE)].find((path) => existsSync(path));
  const points = readPoints(folder).filter(({ name }) => shared !== join(folder, `${name}.yaml`));
  const text = sweepOfPoints({ name: sweepName(basename(folder)), config: shared ?? null, points });
  const { root } = readSource({ file: given, text });
  const locate: PointsSource["locate"] = ([section, name, key], what) => {
    const file = section === "points" ? fileOf(folder, String(name)) : undefined;
    if (file === undefined) return { file: given };
    const source = readSource({ file });
    const words = key === undefined ? [] : String(key) in source.root ? [key] : String(key).split(".");
    return { file, ...source.locate(words, what) };
  };
  return { file: given, root, text, locate };
}

const fileOf = (folder: string, name: string): string | undefined =>
  readdirSync(folder)
    .filter((file) => /\.ya?ml$/i.test(file) && basename(file, extname(file)) === name)
    .map((file) => join(folder, file))[0];

/** @param config a path, or null for the defaults */
export function sweepOfPoints(sweep: {
  name: string;
  config: string | null;
  points: readonly ListedPoint[];
}): string {
  return stringify({
    name: sweep.name,
    ...(sweep.config === null ? {} : { config: sweep.config }),
    points: Object.fromEntries(
      sweep.points.map((point): [string, Values] => [point.name ?? "", point.values]),
    ),
  });
}

/** A file's name without its ending, as the name of a sweep. */
export const sweepName = (name: string): string => name.replaceAll(/[\s/\\]+/g, "_").replace(/^\./, "_");
