/** Creates the sampler of a sweep, and checks its space before anything runs. */
import { ConfigError } from "../config/errors.js";
import type { BaseConfig } from "./base-config.js";
import { lowerIsBetter } from "./objective.js";
import type { Sampler } from "./sampler.js";
import { gridPoints, GridSampler, randomOf, randomPoint, RandomSampler } from "./searches.js";
import { settingsOf, type Dimension, type Space } from "./space.js";
import type { SweepSpec } from "./sweep-file.js";
import { TpeSampler } from "./tpe.js";
import type { JsonValue, Values } from "./trial.js";

export function samplerOf({ search, space, seed, tpe, objective }: SweepSpec): Sampler {
  if (search === "grid" || space.length === 0) return new GridSampler(space);
  if (search === "random") return new RandomSampler(space, seed);
  return new TpeSampler(space, { ...tpe, seed, minimize: lowerIsBetter(objective) });
}

/** Keys that points cannot set, because the sweep itself sets them. */
const OWN_KEYS: Readonly<Record<string, string>> = {
  seed: "the seeds of a sweep are set by its key seeds",
  name: "trials are named by their numbers",
  relaunch: "a sweep resumes its trials itself",
  plugins: "plug-ins are listed in the configuration or in settings, and apply to all trials",
};

/** The number of draws to check if a search is not a grid. */
const TRIED = 20;

/**
 * Checks every listed point and every point of a grid. For random search and TPE, checks each choice and both ends of
 * each range; points whose keys contradict each other are later skipped when the search draws them.
 * @throws ConfigError with the key, and its line in the sweep's file
 */
export function checkSpace({ spec, base }: { spec: SweepSpec; base: BaseConfig }): void {
  refuseOwnKeys(spec);
  spec.points.forEach(({ name, values }, k) => {
    const place = (key: string) => spec.locate(["points", name ?? k, key], "value");
    base.check(settingsOf(spec.space, values), place);
  });
  const place = (key: string) => spec.locate(placeIn(spec.space, key), "value");
  if (spec.search === "grid" && spec.space.length > 0)
    for (const values of gridPoints(spec.space)) base.check(settingsOf(spec.space, values), place);
  else if (spec.space.length > 0) checkEnds(spec, base, place);
}

function checkEnds(
  { space, seed }: SweepSpec,
  base: BaseConfig,
  place: (key: string) => ReturnType<SweepSpec["locate"]>,
): void {
  const errorOf = (values: Values): ConfigError | null => {
    try {
      base.check(settingsOf(space, values), place);
      return null;
    } catch (error) {
      if (error instanceof ConfigError) return error;
      throw error;
    }
  };
  for (const dimension of space)
    for (const value of endsOf(dimension)) {
      const given = { ...allowing(space, dimension), [dimension.name]: value };
      const error = errorOf(randomPoint(space, randomOf(seed, 0), given));
      const keys = Object.keys(settingsOf(space, { [dimension.name]: value }));
      if (
        error?.problems.some(({ key }) => keys.some((name) => key === name || key.startsWith(`${name}.`))) ===
        true
      )
        throw error;
    }
  const errors = Array.from({ length: TRIED }, (_, k) => errorOf(randomPoint(space, randomOf(seed, k))));
  const [first] = errors;
  if (first !== undefined && first !== null && errors.every((error) => error !== null)) throw first;
}

function endsOf({ domain }: Dimension): readonly JsonValue[] {
  return domain.kind === "choice" ? domain.values : [domain.low, domain.high];
}

/** Values of other dimensions for which this one takes part. */
function allowing(space: Space, { when }: Dimension): Values {
  return Object.entries(when).reduce<Values>((values, [name, [value]]) => {
    const other = space.find((dimension) => dimension.name === name);
    return { ...(other === undefined ? {} : allowing(space, other)), ...values, [name]: value ?? null };
  }, {});
}

/** Where a key of the space is written, including inside a choice that sets several keys. */
function placeIn(space: Space, key: string): string[] {
  const holder = space.find(
    ({ name, domain }) =>
      name !== key &&
      domain.kind === "choice" &&
      [...(domain.settings?.values() ?? [])].some((settings) => key in settings),
  );
  return ["space", holder?.name ?? key];
}

function refuseOwnKeys({ space, points, locate }: SweepSpec): void {
  const inSpace = space.flatMap((dimension) => {
    const settings =
      dimension.domain.kind === "choice" ? [...(dimension.domain.settings?.values() ?? [])] : [];
    const keys = settings.length > 0 ? settings.flatMap((own) => Object.keys(own)) : [dimension.name];
    return keys.map((key) => ({ key, path: ["space", dimension.name] }));
  });
  const inPoints = points.flatMap(({ name, values }, k) =>
    Object.keys(values).map((key) => ({ key, path: ["points", String(name ?? k), key] })),
  );
  for (const { key, path } of [...inSpace, ...inPoints]) {
    const reason = OWN_KEYS[key];
    if (reason === undefined) continue;
    const message = `${path.join(".")}: ${key} cannot vary from point to point: ${reason}`;
    throw new ConfigError([{ key: path.join("."), ...locate(path, "key"), message }]);
  }
}
