/** Reads points from files: YAML files with one or more points, folders of overrides, and published queues of jobs. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { isMapping, readSource, type Mapping } from "../config/document.js";
import { ConfigError } from "../config/errors.js";
import { configKeys } from "../config/keys.js";
import { validate } from "../config/validate.js";
import { SweepError } from "./errors.js";
import { listedPoints, listedPointsOf, settings, type ListedPoint } from "./space-file.js";
import type { JsonValue, Values } from "./trial.js";

/**
 * Reads the points of a file or a folder.
 * - A folder: each YAML file in it is a point, named after the file, in the order of the names (2 before 10).
 * - A YAML file with `points:`: a list, or a map from names to points. Any other YAML file is one point.
 * @throws ConfigError with file and line   @throws SweepError for a folder without YAML files
 */
export function readPoints(path: string): ListedPoint[] {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return pointsOfFile(path);
  const files = readdirSync(path).filter((name) => /\.ya?ml$/i.test(name));
  if (files.length === 0)
    throw new SweepError(
      path,
      "expected YAML files with one point each, found none",
      "Pass a folder of overrides, or a file.",
    );
  const inOrder = files.sort(new Intl.Collator("en", { numeric: true }).compare);
  return inOrder.map((name) => pointOfFile(join(path, name)));
}

function pointsOfFile(file: string): ListedPoint[] {
  const source = readSource({ file });
  if (!("points" in source.root)) return [pointOfFile(file)];
  const place = (path: readonly PropertyKey[], what: "key" | "value") => ({
    file: source.file,
    ...source.locate(["points", ...path], what),
  });
  return listedPointsOf(validate(listedPoints, source.root["points"], place)).map(({ name, values }) => {
    return { name, values: flattened(values) };
  });
}

function pointOfFile(file: string): ListedPoint {
  const { root } = readSource({ file });
  return { name: basename(file, extname(file)), values: withoutName(flattened(root)) };
}

/** Keys for the name of a job in its file. */
export const nameOf = ({ exp_name: flat, name }: Values): string | null => {
  const given = flat ?? name;
  return typeof given === "string" ? given : null;
};

/** Uses the name of a job as the name of its point, because trials have their own names and folders. */
export const withoutName = ({ exp_name: _, name: __, relaunch: ___, ...values }: Values): Values => values;

/** Flattens sections to dotted keys: `{slice: {epochs: 3}}` and `{slice.epochs: 3}` are equivalent. */
export function flattened(root: Mapping): Values {
  const keys = configKeys().map(({ key }) => key);
  const isSection = (path: string) => !keys.includes(path) && keys.some((key) => key.startsWith(`${path}.`));
  const open = (section: Mapping, above: string): [string, JsonValue][] =>
    Object.entries(section).flatMap(([name, value]): [string, JsonValue][] => {
      const path = `${above}${name}`;
      return isMapping(value) && isSection(path) ? open(value, `${path}.`) : [[path, value as JsonValue]];
    });
  return Object.fromEntries(open(root, ""));
}

/** Parses one point in JSON or YAML's flow style, e.g. '{"slice.epochs": 3}'. @throws ConfigError */
export function parsePoint(text: string): ListedPoint {
  const parsed = settings.safeParse(readSource({ file: "the point", text }).root);
  if (parsed.success) return { name: null, values: flattened(parsed.data) };
  throw new ConfigError([{ key: "", message: `expected a map of keys to values, received ${text}` }]);
}

/**
 * Parses a published job_queue.txt, one job per line. After an optional `name:` or `state:`, a line can be
 * - a command: `python launch.py --config Configs/custom.yaml --batch_size 32 --weighted`,
 * - pairs: `batch_size=32 learning_rate=1e-3`, separated by spaces or commas,
 * - the path of a YAML file of overrides.
 * Empty lines and comments (#) are ignored.
 * @param folderOf the folder to which paths are relative   @throws SweepError with the line
 */
export function readJobQueue(
  file: string,
  open: (path: string) => Values,
): { line: number; values: Values }[] {
  return readFileSync(file, "utf8")
    .split(/\r?\n/)
    .flatMap((text, k) => {
      const line = text.trim();
      if (line === "" || line.startsWith("#")) return [];
      return [{ line: k + 1, values: jobOf(line, open, () => lineProblem(file, k + 1, line)) }];
    });
}

const lineProblem = (file: string, line: number, text: string): SweepError =>
  new SweepError(
    `${file}:${line}`,
    `expected a command with --KEY VALUE options, KEY=VALUE pairs, or the path of a YAML file, received ${text.slice(0, 80)}`,
    "Use one of these three forms.",
  );

function jobOf(line: string, open: (path: string) => Values, problem: () => SweepError): Values {
  // A colon within a word (a path, a URL) is part of it; in `3: --epochs 5` it ends the name or number of the job.
  const words = wordsOf(line.replace(/^[\w.-]+:\s+/, ""));
  const flags = words.findIndex((word) => word.startsWith("--"));
  if (flags >= 0) return valuesOfFlags(words.slice(flags), open);
  const pairs = words.flatMap((word) => word.split(/,(?=[\w.]+=|$)/)).filter((word) => word !== "");
  if (pairs.length > 0 && pairs.every((pair) => /^[\w.]+=/.test(pair)))
    return Object.fromEntries(
      pairs.map((pair) => [pair.slice(0, pair.indexOf("=")), scalar(pair.slice(pair.indexOf("=") + 1))]),
    );
  const [path] = words;
  if (words.length === 1 && /\.ya?ml$/i.test(path!)) return open(path!);
  throw problem();
}

/** Parses `--key value`, `--key=value`, and `--key` alone, which is true. `--config` names a file of overrides. */
function valuesOfFlags(words: readonly string[], open: (path: string) => Values): Values {
  let values: Values = {};
  for (let k = 0; k < words.length; k++) {
    const [, key = "", given] = /^--([\w.-]+)(?:=(.*))?$/s.exec(words[k]!) ?? [];
    const next = words[k + 1];
    const takesNext = given === undefined && next !== undefined && !next.startsWith("--");
    const text = given ?? (takesNext ? next : "true");
    if (takesNext) k++;
    values =
      key === "config"
        ? { ...values, ...open(text) }
        : { ...values, [key.replaceAll("-", "_")]: scalar(text) };
  }
  return values;
}

/** Splits a line into words like a shell, with '…' and "…" around spaces. */
const wordsOf = (line: string): string[] =>
  [...line.matchAll(/(?:[^\s"']+|"[^"]*"|'[^']*')+/g)].map(([word]) =>
    word.replace(/"([^"]*)"|'([^']*)'/g, "$1$2"),
  );

/** The value as YAML reads it: numbers, true, false, null and lists; otherwise the text itself. */
function scalar(text: string): JsonValue {
  try {
    // Without spaces, as in a command, YAML would read {0:0,2:1} as names without values.
    const spaced = text.startsWith("{") ? text.replace(/([{,]\s*[\w"']+):(?=\S)/g, "$1: ") : text;
    return (readSource({ text: `value: ${spaced}` }).root["value"] ?? null) as JsonValue;
  } catch (error) {
    if (error instanceof ConfigError) return text;
    throw error;
  }
}
