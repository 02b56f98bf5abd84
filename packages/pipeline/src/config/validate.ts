import { z } from "zod";
import { isMapping, received } from "./document.js";
import { ConfigError, type ConfigProblem } from "./errors.js";
import { nearestKeys } from "./nearest.js";
import { insideSections, keyNotes } from "./notes.js";

type Path = readonly PropertyKey[];
/** Says where the key or value at a path was written: file, line and column, or a flag. */
export type Place = (path: Path, what: "key" | "value") => Pick<ConfigProblem, "file" | "line" | "column" | "flag">;

interface Leaf {
  path: string[];
  schema: z.ZodType;
}

/** All keys of a schema, sections opened, in the order in which they are declared. */
export function leavesOf(schema: z.ZodType, path: string[] = []): Leaf[] {
  const section = sectionOf(schema);
  if (!section) return [{ path, schema }];
  return Object.entries(section.shape).flatMap(([name, inner]) => leavesOf(inner, [...path, name]));
}

/** A section is an object, possibly wrapped by its default, or one that may be left out or be null. */
function sectionOf(schema: z.ZodType): z.ZodObject<Record<string, z.ZodType>> | undefined {
  let inner: unknown = schema;
  while (inner instanceof z.ZodPrefault || inner instanceof z.ZodOptional || inner instanceof z.ZodNullable)
    inner = inner.unwrap();
  return inner instanceof z.ZodObject ? inner : undefined;
}

/** The leaves, each preceded by those of the section that may stand in its place. */
function withInside(leaf: Leaf): Leaf[] {
  const inside = insideSections.get(leaf.schema);
  return inside === undefined ? [leaf] : [...leavesOf(inside, leaf.path), leaf];
}

/** @throws ConfigError with every problem: unknown keys, wrong types, values out of range, settings that contradict */
export function validate<S extends z.ZodType>(schema: S, value: unknown, place: Place): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const leaves = leavesOf(schema).flatMap(withInside);
  const problems = result.error.issues.flatMap((issue) => problemsOf(issue, value, leaves, place));
  throw new ConfigError(onePerPlace(problems));
}

function problemsOf(issue: z.core.$ZodIssue, value: unknown, leaves: Leaf[], place: Place): ConfigProblem[] {
  const names = leaves.map(({ path }) => path.join("."));
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((name) => unknownKey([...issue.path, name], names, place));
  const leaf = leafAt(leaves, issue.path);
  const path = leaf?.path ?? issue.path;
  const dotted = path.map(String).join(".");
  const at = place(issue.path, issue.code === "invalid_key" ? "key" : "value");
  if (issue.code === "custom") return [{ ...at, key: dotted, message: `${dotted}: ${issue.message}` }];
  const expects = leaf ? keyNotes.get(leaf.schema)?.expects : sectionExpects(names, dotted);
  const came = valueAt(value, path);
  const missing = leaf !== undefined && came === undefined;
  return [
    {
      ...at,
      key: dotted,
      message: `${dotted}: expected ${expects ?? "another value"}, received ${missing ? "nothing: the key is missing" : received(came)}${remedy(came, expects)}`,
    },
  ];
}

/** The leaf that an issue is about: of that path, or else the one that it lies in, unless it is a section itself. */
function leafAt(leaves: Leaf[], place: Path): Leaf | undefined {
  const within = leaves.filter(({ path }) => path.every((name, depth) => place[depth] === name));
  const exact = within.find(({ path }) => path.length === place.length);
  const isSection = leaves.some(({ path }) => path.length > place.length && place.every((name, k) => path[k] === name));
  return exact ?? (isSection ? undefined : within[0]);
}

function unknownKey(path: Path, names: string[], place: Place): ConfigProblem {
  const dotted = path.map(String).join(".");
  // A misspelt section inside of a section is meant as one of its neighbours.
  const sections = names.map((name) => name.split(".").slice(0, -1)).filter((parts) => parts.length > 1);
  const suggestions = nearestKeys(dotted, [...new Set([...names, ...sections.map((parts) => parts.join("."))])]);
  const hint = suggestions.length > 0 ? `; did you mean ${suggestions.join(" or ")}?` : "; no key is like it";
  return { ...place(path, "key"), key: dotted, suggestions, message: `unknown key ${dotted}${hint}` };
}

function sectionExpects(names: string[], dotted: string): string {
  const inside = names.filter((name) => name.startsWith(`${dotted}.`)).map((name) => name.slice(dotted.length + 1));
  return `a section with keys such as ${inside.slice(0, 3).join(", ")}`;
}

function remedy(came: unknown, expects: string | undefined): string {
  const text = typeof came === "string" ? came.toLowerCase() : "";
  if (expects === "true or false" && /^(yes|on|y|1)$/.test(text)) return "; write true";
  if (expects === "true or false" && /^(no|off|n|0)$/.test(text)) return "; write false";
  if (expects?.startsWith("a text") && (typeof came === "number" || typeof came === "boolean"))
    return `; put it in quotes: "${came}"`;
  return "";
}

function valueAt(value: unknown, path: Path): unknown {
  let inner = value;
  for (const name of path) inner = isMapping(inner) ? inner[String(name)] : undefined;
  return inner;
}

/** A list with two wrong items is one problem of one key; flags and the file each speak for themselves. */
function onePerPlace(problems: ConfigProblem[]): ConfigProblem[] {
  const kept = problems.filter((problem, index) => problems.findIndex((other) => other.key === problem.key) === index);
  return kept.sort((a, b) => (a.line ?? Infinity) - (b.line ?? Infinity) || (a.column ?? 0) - (b.column ?? 0));
}
