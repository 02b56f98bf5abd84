/** The file of a sweep: what all trials share, what is varied, how points are chosen, and what is optimised. */
import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { z } from "zod";
import { METRICS, type MetricName } from "@slicestack/stats";
import { readSource, type ConfigSource } from "../config/document.js";
import { ConfigError } from "../config/errors.js";
import { key } from "../config/notes.js";
import { NAME } from "../config/schema.js";
import { findConfig, shippedFolder } from "../config/shipped.js";
import { validate } from "../config/validate.js";
import { isFolder, sourceOfPoints } from "./points-folder.js";
import { localSchema, type LocalOptions } from "./local/local-section.js";
import { slurmSchema, type SlurmOptions } from "./slurm/slurm-section.js";
import type { Space } from "./space.js";
import {
  dimension,
  dimensionExpects,
  listedPoints,
  listedPointsOf,
  settings,
  SpaceProblem,
  spaceOf,
} from "./space-file.js";
import type { ListedPoint } from "./space-file.js";
import type { Values } from "./trial.js";

const WHOLE = "a whole number";
const seedOf = z.int().min(0).max(0xffffffff);
const list = (schema: z.ZodInt) => z.array(schema).min(1);
export const SEARCHES = ["grid", "random", "tpe"] as const;
export const PRUNED_STAGES = ["first", "slice", "volume", "fine_tune"] as const;

const budget = z.strictObject({
  points: key(
    z.int().min(1).optional(),
    `${WHOLE}, at least 1`,
    "Total number of points, including listed ones; not needed for a grid",
  ),
  epochs: key(
    z.int().min(1).optional(),
    `${WHOLE}, at least 1`,
    "Total number of epochs over all stages and trials; no new point is started once they are used up",
  ),
});

const tpe = z.strictObject({
  startup: key(
    z.int().min(1).default(10),
    `${WHOLE}, at least 1`,
    "Number of points that are drawn at random first",
  ),
  candidates: key(
    z.int().min(1).default(24),
    `${WHOLE}, at least 1`,
    "Number of draws of a value, of which the most promising is used",
  ),
});

const asha = z.strictObject({
  stage: key(
    z.enum(PRUNED_STAGES).default("first"),
    PRUNED_STAGES.join(", "),
    "Stage whose epochs are counted; first = the first one that a trial trains",
  ),
  min_epochs: key(
    z.int().min(1).default(1),
    `${WHOLE}, at least 1`,
    "Epochs of that stage at the first rung",
  ),
  reduction: key(
    z.int().min(2).default(4),
    `${WHOLE}, at least 2`,
    "At a rung the best 1 / reduction continue, and the next rung has that many times the epochs",
  ),
});

/** Each seed is an entry of a list. */
const MOST_SEEDS = 1_000_000;

/** The schema of the file in snake_case, every key with its description. */
export const sweepSchema = z.strictObject({
  name: key(
    z.string().regex(NAME).max(120),
    "a text without slashes and control characters that does not begin with a dot",
    "Name of the sweep",
  ),
  config: key(
    z.union([z.string().min(1), z.record(z.string(), z.unknown())]).default({}),
    "a path, the name of a shipped configuration, or a section with a configuration's keys",
    "Configuration that all trials share; a path is relative to this file",
  ),
  settings: key(
    settings.default({}),
    "a map of dotted keys to values, e.g. {threads: 1}",
    "Keys that all trials change in that configuration",
  ),
  data: key(
    z.string().min(1).optional(),
    "a folder",
    "Prepared data set, relative to this file; --data replaces it",
  ),
  out: key(
    z.string().min(1).optional(),
    "a folder",
    "Folder of the sweep, relative to this file; --out replaces it; default runs/NAME in the working directory",
  ),
  objective: key(
    z.enum(METRICS).default("balancedAccuracy"),
    METRICS.join(", "),
    "What is optimised: a metric of the validation set, averaged over the seeds and folds of a point",
  ),
  seeds: key(
    z
      .union([z.int().min(1), list(seedOf)])
      .refine(
        (seeds) => typeof seeds !== "number" || seeds <= MOST_SEEDS,
        `expected at most ${MOST_SEEDS} seeds`,
      )
      .default(1),
    `${WHOLE}, at least 1, or a list of seeds`,
    "Seeds of the trainings of each point on each fold: a number of them, counted from the configuration's seed, or a list",
  ),
  folds: key(
    z.union([z.literal("all"), list(z.int().min(0))]).default("all"),
    "all, or a list of folds counted from 0",
    "Cross-validation folds on which each point is trained; a data set with a single split has none",
  ),
  points: key(
    listedPoints.default([]),
    "a list of maps of dotted keys to values, or a map of names to such maps",
    "Points that are trained first, in this order",
  ),
  space: key(
    z.record(z.string(), key(dimension, dimensionExpects, "A key and its values")).default({}),
    "a map of dotted keys to their values",
    "What the search varies",
  ),
  search: key(z.enum(SEARCHES).default("grid"), SEARCHES.join(", "), "How points are chosen from the space"),
  seed: key(seedOf.default(0), `${WHOLE} from 0 to 4294967295`, "Seed of the search"),
  budget: budget.prefault({}),
  tpe: tpe.prefault({}),
  prune: key(
    z.strictObject({ asha }).nullable().default(null),
    "{asha: {...}}, or null",
    "Ends unpromising points early, by asynchronous successive halving",
  ),
  run: key(localSchema.prefault({}), "a section", "How trials run on one machine"),
  slurm: key(slurmSchema.prefault({}), "a section", "How trials run on a cluster"),
});

type SweepFile = z.output<typeof sweepSchema>;

/** A sweep's file, checked. Its base configuration and its points are checked by sweepOf. */
export interface SweepSpec extends Pick<SweepFile, "name" | "search" | "seed" | "budget" | "tpe"> {
  /** The file, or the folder of points. */
  file: string;
  /** The content of the file. */
  text: string;
  /** Absolute path of the base configuration, or its keys; plug-ins in it are relative to `folder`. */
  config: { file: string } | { root: Readonly<Record<string, unknown>>; folder: string };
  settings: Values;
  /** Absolute path; null if the file names none. */
  data: string | null;
  out: string | null;
  objective: MetricName;
  /** A count, or the seeds. */
  seeds: number | readonly number[];
  folds: "all" | readonly number[];
  points: readonly ListedPoint[];
  space: Space;
  asha: Asha | null;
  run: LocalOptions;
  slurm: SlurmOptions;
  /** The position of a key in the file, for messages. */
  locate: (
    path: readonly PropertyKey[],
    what: "key" | "value",
  ) => { file: string; line?: number; column?: number };
}

export interface Asha {
  stage: (typeof PRUNED_STAGES)[number];
  minEpochs: number;
  reduction: number;
}

/** Whatever can be read as a sweep's file. */
interface SweepSource extends Pick<SweepSpec, "file" | "text" | "locate"> {
  root: ConfigSource["root"];
}

function sourceOf(given: string): SweepSource {
  if (isFolder(given)) return sourceOfPoints(given);
  const source = readSource({ file: findSweep(given) });
  const { file, root } = source;
  return {
    file,
    root,
    text: readFileSync(file, "utf8"),
    locate: (path, what) => ({ file, ...source.locate(path, what) }),
  };
}

/**
 * @param given a file; or a folder of YAML files with a point each (points-folder.ts)
 * @throws ConfigError with the file and line of every problem   @throws SweepError for a folder without YAML files
 */
export function loadSweepFile(given: string): SweepSpec {
  const source = sourceOf(given);
  const { locate } = source;
  const read = validate(sweepSchema, source.root, locate);
  const folder = dirname(resolve(source.file));
  const beside = (path: string | undefined) => (path === undefined ? null : resolve(folder, path));
  const space = located(source, ["space"], () => spaceOf(read.space));
  const sweep: SweepSpec = {
    file: source.file,
    text: source.text,
    name: read.name,
    config: baseOf(read.config, folder),
    settings: read.settings,
    data: beside(read.data),
    out: beside(read.out),
    objective: read.objective,
    seeds: read.seeds,
    folds: read.folds,
    points: listedPointsOf(read.points),
    space,
    search: read.search,
    seed: read.seed,
    budget: read.budget,
    tpe: read.tpe,
    asha: ashaOf(read.prune),
    run: read.run,
    slurm: read.slurm,
    locate,
  };
  checkSearch(sweep);
  return sweep;
}

/** An existing file, or else the shipped sweep of that name: configs/sweeps/NAME.yaml. */
export function findSweep(given: string): string {
  const folder = shippedFolder();
  if (existsSync(given) || folder === undefined) return given;
  const shipped = join(folder, "sweeps", `${basename(given, ".yaml")}.yaml`);
  return existsSync(shipped) ? shipped : given;
}

/** The base configuration: a file relative to the sweep's, a shipped configuration, or the keys themselves. */
function baseOf(config: SweepFile["config"], folder: string): SweepSpec["config"] {
  if (typeof config !== "string") return { root: config, folder };
  const beside = resolve(folder, config);
  return { file: existsSync(beside) ? beside : findConfig(config) };
}

const ashaOf = (prune: SweepFile["prune"]): Asha | null =>
  prune === null
    ? null
    : { stage: prune.asha.stage, minEpochs: prune.asha.min_epochs, reduction: prune.asha.reduction };

function located<T>(source: SweepSource, path: readonly string[], read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SpaceProblem)) throw error;
    const whole = [...path, ...error.path];
    const message = `${whole.join(".")}: ${error.message}`;
    throw new ConfigError([{ key: whole.join("."), ...source.locate(whole, "value"), message }]);
  }
}

/** Checks keys that depend on each other. */
function checkSearch({ space, search, budget: { points }, points: listed, locate }: SweepSpec): void {
  const refuse = (path: string[], message: string): never => {
    const name = path.join(".");
    throw new ConfigError([{ key: name, ...locate(path, "value"), message: `${name}: ${message}` }]);
  };
  if (space.length === 0 && listed.length === 0)
    refuse(["space"], "expected keys to vary in space, or points, received neither");
  if (space.length > 0 && search !== "grid" && points === undefined)
    refuse(["budget"], `expected budget.points with search ${search}, received nothing: the key is missing`);
  for (const { name, domain } of search === "grid" ? space : [])
    if (domain.kind === "float" && domain.points === null)
      refuse(
        ["space", name],
        "expected points, the number of values of a grid, received nothing: the key is missing",
      );
}
