/**
 * Converts the published multiplexer's files into a sweep: default.yaml, and job_queue.txt or a folder launch_configs.
 */
import { existsSync, statSync } from "node:fs";
import { basename, dirname, extname, isAbsolute, join, relative, resolve } from "node:path";
import { readSource } from "../config/document.js";
import { writeFileAtomic } from "../data/atomic.js";
import { refuseExistingFile } from "../data/owned-folder.js";
import { BaseConfig, settingsKey } from "./base-config.js";
import { checkSpace } from "./search.js";
import { SweepError } from "./errors.js";
import { flattened, nameOf, readJobQueue, readPoints, withoutName } from "./given-points.js";
import { sweepName, sweepOfPoints } from "./points-folder.js";
import type { ListedPoint } from "./space-file.js";
import { loadSweepFile } from "./sweep-file.js";
import type { Values } from "./trial.js";

export interface ImportSweepOptions {
  /** default.yaml, the configuration that all jobs share. */
  base: string;
  /** job_queue.txt, or the folder of override files. */
  jobs: string;
  /** The sweep's file to write. */
  out: string;
  overwrite?: boolean;
}

export interface ImportedSweep {
  file: string;
  points: ListedPoint[];
  /** Line numbers, from 1, of jobs that repeat an earlier one. */
  repeated: number[];
}

/** Writes a sweep's file with one point per job, and checks it. @throws ConfigError, SweepError, FolderError */
export async function importSweep({
  base,
  jobs,
  out,
  overwrite = false,
}: ImportSweepOptions): Promise<ImportedSweep> {
  refuseExistingFile(out, overwrite);
  const { points, repeated } = jobsOf(base, jobs);
  const given = resolve(base);
  const config = relative(dirname(resolve(out)), given);
  const text = sweepOfPoints({
    name: sweepName(basename(out, extname(out))),
    config: isAbsolute(config) || config.startsWith("..") ? given : config,
    points,
  });
  const head = `# From ${basename(base)} and ${basename(jobs)} of the published multiplexer; docs/reference/sweep-file.md has all keys.\n`;
  writeFileAtomic(out, head + text);
  const spec = loadSweepFile(out);
  checkSpace({ spec, base: await BaseConfig.load(spec) });
  return { file: out, points, repeated };
}

function jobsOf(base: string, jobs: string): Pick<ImportedSweep, "points" | "repeated"> {
  if (statSync(jobs, { throwIfNoEntry: false })?.isDirectory() === true)
    return { points: readPoints(jobs), repeated: [] };
  if (!existsSync(jobs))
    throw new SweepError(jobs, "not found", "Pass job_queue.txt, or the folder of override files.");
  const shared = flattened(readSource({ file: base }).root);
  // The file of a job contains a whole configuration; keys that equal the base change nothing.
  const differing = (values: Values): Values =>
    Object.fromEntries(
      Object.entries(values).filter(
        ([key, value]) =>
          settingsKey({ key: shared[key] ?? null }) !== settingsKey({ key: value }) || !(key in shared),
      ),
    );
  const open = (path: string): Values => {
    const places = [
      resolve(dirname(jobs), path),
      resolve(dirname(base), path),
      join(dirname(jobs), basename(path)),
      join(dirname(base), basename(path)),
    ];
    const file = places.find((place) => existsSync(place));
    if (file === undefined)
      throw new SweepError(
        path,
        `is named in ${jobs}, but does not exist`,
        "Put the file at that path, or remove the line.",
      );
    return resolve(file) === resolve(base) ? {} : differing(flattened(readSource({ file }).root));
  };
  const seen = new Set<string>();
  const names = new Set<string>();
  const repeated: number[] = [];
  const points = readJobQueue(jobs, open).flatMap(({ line, values }): ListedPoint[] => {
    const key = settingsKey(values);
    if (seen.has(key)) repeated.push(line);
    else {
      seen.add(key);
      const name = nameOf(values);
      const isFree = name !== null && !names.has(name);
      if (isFree) names.add(name);
      return [{ name: isFree ? name : `job ${line}`, values: withoutName(values) }];
    }
    return [];
  });
  return { points, repeated };
}
