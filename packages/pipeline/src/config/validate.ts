import { z } from "zod";
import { choiceKinds } from "./choice.js";
import { received, valueAt } from "./document.js";
import { ConfigError, type ConfigProblem } from "./errors.js";
import { nearestKeys } from "./nearest.js";
import { insideSections, keyNotes } from "./notes.js";

type Path = readonly PropertyKey[];
/** Where the key or value at a path was written: file, line and column, or a flag. */
export type Place = (
  path: Path,
  what: "key" | "value",
) => Pick<ConfigProblem, "file" | "line" | "column" | "flag">;

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

/** A section is an object, possibly with a default, possibly transformed, and possibly one that may be absent or null. */
function sectionOf(schema: z.ZodType): z.ZodObject<Record<string, z.ZodType>> | undefined {
  let inner: unknown = schema;
  for (;;) {
    if (inner instanceof z.ZodPrefault || inner instanceof z.ZodOptional || inner instanceof z.ZodNullable)
      inner = inner.unwrap();
    else if (inner instanceof z.ZodPipe) inner = inner.in;
    else break;
  }
  return inner instanceof z.ZodObject ? inner : undefined;
}

/** A leaf, preceded by the leaves of the section that a file may give instead of it. */
function withInside(leaf: Leaf): Leaf[] {
  const inside = insideSections.get(leaf.schema);
  return inside === undefined ? [leaf] : [...leavesOf(inside, leaf.path), leaf];
}

/** Why a key that a schema does not have is refused; null where there is no better reason than that. */
type Reason = (dotted: string) => string | null;

/**
 * @throws ConfigError with every problem: unknown keys, wrong types, values out of range, settings that contradict each
 * other
 */
export function validate<S extends z.ZodType>(
  schema: S,
  value: unknown,
  place: Place,
  reason: Reason = () => null,
): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const leaves = leavesOf(schema).flatMap(withInside);
  const problems = result.error.issues.flatMap((issue) =>
    problemsOf(issue, value, leaves, { place, reason }),
  );
  throw new ConfigError(onePerPlace(problems));
}

function problemsOf(
  issue: z.core.$ZodIssue,
  value: unknown,
  leaves: Leaf[],
  { place, reason }: { place: Place; reason: Reason },
): ConfigProblem[] {
  const names = leaves.map(({ path }) => path.join("."));
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((name) => {
      const path = [...issue.path, name];
      const why = reason(path.map(String).join("."));
      if (why === null) return unknownKey(path, names, place);
      return { ...place(path, "key"), key: path.map(String).join("."), message: why };
    });
  const found = leafAt(leaves, issue.path);
  const leaf = found && (entryAt(found, issue.path) ?? found);
  // The options of a component are keys themselves; the items of a list are not.
  const isOption = leaf !== undefined && choiceKinds.has(leaf.schema);
  const path = isOption ? issue.path : (leaf?.path ?? issue.path);
  const dotted = path.map(String).join(".");
  const at = place(issue.path, issue.code === "invalid_key" ? "key" : "value");
  if (issue.code === "custom") return [{ ...at, key: dotted, message: `${dotted}: ${issue.message}` }];
  const expects = leaf ? keyNotes.get(leaf.schema)?.expects : sectionExpects(names, dotted);
  const given = valueAt(value, path);
  const missing = leaf !== undefined && given === undefined;
  return [
    {
      ...at,
      key: dotted,
      message: `${dotted}: expected ${expects ?? "another value"}, received ${missing ? "nothing: the key is missing" : received(given)}${remedy(given, expects)}`,
    },
  ];
}

/** The leaf that an issue is about: the one at its path, or the one that contains it, unless the path is a section's. */
function leafAt(leaves: Leaf[], place: Path): Leaf | undefined {
  const within = leaves.filter(({ path }) => path.every((name, depth) => place[depth] === name));
  const exact = within.find(({ path }) => path.length === place.length);
  const isSection = leaves.some(
    ({ path }) => path.length > place.length && place.every((name, k) => path[k] === name),
  );
  return exact ?? (isSection ? undefined : within[0]);
}

/** The entry of a map, if a note says what its values are and the issue is about one of them. */
function entryAt({ path, schema }: Leaf, place: Path): Leaf | undefined {
  const map = schema instanceof z.ZodDefault ? schema.unwrap() : schema;
  if (!(map instanceof z.ZodRecord) || place.length === path.length) return undefined;
  const values = map.valueType as z.ZodType;
  if (!keyNotes.has(values)) return undefined;
  return { path: [...path, String(place[path.length])], schema: values };
}

function unknownKey(path: Path, names: string[], place: Place): ConfigProblem {
  const dotted = path.map(String).join(".");
  // A misspelt section inside a section most likely means one of its neighbours.
  const sections = names.map((name) => name.split(".").slice(0, -1)).filter((parts) => parts.length > 1);
  const suggestions = nearestKeys(dotted, [
    ...new Set([...names, ...sections.map((parts) => parts.join("."))]),
  ]);
  const hint = suggestions.length > 0 ? `; did you mean ${suggestions.join(" or ")}?` : "; no key is similar";
  return { ...place(path, "key"), key: dotted, suggestions, message: `unknown key ${dotted}${hint}` };
}

function sectionExpects(names: string[], dotted: string): string {
  const inside = names
    .filter((name) => name.startsWith(`${dotted}.`))
    .map((name) => name.slice(dotted.length + 1));
  return `a section with keys such as ${inside.slice(0, 3).join(", ")}`;
}

function remedy(given: unknown, expects: string | undefined): string {
  const text = typeof given === "string" ? given.toLowerCase() : "";
  if (expects === "true or false" && /^(yes|on|y|1)$/.test(text)) return "; write true";
  if (expects === "true or false" && /^(no|off|n|0)$/.test(text)) return "; write false";
  if (expects?.startsWith("a text") && (typeof given === "number" || typeof given === "boolean"))
    return `; put it in quotes: "${given}"`;
  return "";
}

/** One problem for each key, in the order of the file: a list with two wrong items is one problem. */
function onePerPlace(problems: ConfigProblem[]): ConfigProblem[] {
  const kept = problems.filter(
    (problem, index) => problems.findIndex((other) => other.key === problem.key) === index,
  );
  return kept.sort(
    (a, b) => (a.line ?? Infinity) - (b.line ?? Infinity) || (a.column ?? 0) - (b.column ?? 0),
  );
}
