/**
 * Overrides of what is inside the value of a key: an option of a component, such as `head.model.topk.k`, or of an augmentation,
 * such as `transform.augment.noise.sigma`. An option names its component, and so chooses it.
 */
import type { z } from "zod";
import { isAcceptingUnknown } from "./accepting.js";
import { choiceIn, choiceKinds } from "./choice.js";
import { componentNames, findComponent, orList, type ComponentKind } from "./components.js";
import { isMapping, setKey, valueAt, yamlScalar, type Mapping } from "./document.js";
import type { ConfigProblem } from "./errors.js";
import { nearestKeys } from "./nearest.js";
import { insideSections, keyNotes } from "./notes.js";
import { leavesOf } from "./validate.js";

/** A leaf of the schema that contains the key of an override. */
export interface Enclosing {
  leaf: string;
  schema: z.ZodType;
  /** From the leaf to the key. */
  path: readonly string[];
}

/** @returns null if no leaf whose value can be a section contains the key */
export function enclosingLeaf(name: string, leaves: ReadonlyMap<string, z.ZodType>): Enclosing | null {
  const parts = name.split(".");
  for (let length = parts.length - 1; length > 0; length--) {
    const leaf = parts.slice(0, length).join(".");
    const schema = leaves.get(leaf);
    if (schema !== undefined && (choiceKinds.has(schema) || insideSections.has(schema)))
      return { leaf, schema, path: parts.slice(length) };
  }
  return null;
}

/**
 * Merges overrides into the values at their leaves, which overrides of whole leaves have set already.
 * @param overrides all of them by their keys; those inside a leaf are merged here
 */
export function mergeInner(
  root: Mapping,
  overrides: Readonly<Record<string, string>>,
  enclosing: ReadonlyMap<string, Enclosing>,
): ConfigProblem[] {
  const chosenBy = new Map<string, string>(Object.keys(overrides).map((name) => [name, name]));
  return [...enclosing].flatMap(([name, { leaf, schema, path }]) => {
    const text = overrides[name] ?? "";
    const kind = choiceKinds.get(schema);
    if (kind === undefined) {
      const value = yamlScalar(text, fits(insideSections.get(schema), path));
      const section = presetSection(valueAt(root, leaf.split(".")) ?? keyNotes.get(schema)?.initial);
      setKey(root, leaf, withInner(section, path, value));
      return [];
    }
    const [component = "", ...option] = path;
    const current = choiceIn(valueAt(root, leaf.split(".")));
    const problem = problemOf({ name, leaf, kind, component, option }, { current: current?.name, chosenBy });
    if (problem !== null) return [{ key: name, flag: `--${name}`, ...problem }];
    chosenBy.set(leaf, name);
    const options = current?.name === component ? current.options : {};
    const value = yamlScalar(text, fits(findComponent(kind, component)?.options, option));
    setKey(root, leaf, { [component]: withInner(options, option, value) });
    return [];
  });
}

interface OptionKey {
  name: string;
  leaf: string;
  kind: ComponentKind;
  component: string;
  option: readonly string[];
}

/** @param chosen what the leaf names so far, and the overrides that chose it */
function problemOf(
  { name, leaf, kind, component, option }: OptionKey,
  { current, chosenBy }: { current: string | undefined; chosenBy: ReadonlyMap<string, string> },
): Pick<ConfigProblem, "message" | "suggestions"> | null {
  const known = findComponent(kind, component);
  if ((known === undefined || known.isSetting === false) && !isAcceptingUnknown()) {
    const names = componentNames(kind);
    const suggestions = nearestKeys(component, names).map((near) => [leaf, near, ...option].join("."));
    const hint = suggestions.length === 0 ? "" : `; did you mean --${suggestions.join(" or --")}?`;
    return {
      suggestions,
      message: `${name}: ${component} is not a ${kind} (expected ${orList(names)})${hint}`,
    };
  }
  if (option.length === 0)
    return {
      message: `${name}: expected an option of ${component} after its name; to choose it, give --${leaf} ${component}`,
    };
  const other = chosenBy.get(leaf);
  if (other === undefined || current === undefined || current === component) return null;
  return {
    message: `${name}: an option of ${component}, but --${other} chooses ${current}; remove one of them`,
  };
}

/** Whether a value is valid at a path within a section; any is where the schema does not have the path. */
function fits(section: z.ZodType | undefined, path: readonly string[]): (value: unknown) => boolean {
  const leaves = section === undefined ? [] : leavesOf(section);
  const leaf = leaves.find((each) => each.path.join(".") === path.join("."));
  return (value) => leaf === undefined || leaf.schema.safeParse(value).success;
}

/** A preset that is named alone, as the section that means the same. */
const presetSection = (value: unknown): Mapping =>
  isMapping(value) ? value : typeof value === "string" ? { preset: value } : {};

function withInner(section: Mapping, [name = "", ...rest]: readonly string[], value: unknown): Mapping {
  const inner = section[name];
  return {
    ...section,
    [name]: rest.length === 0 ? value : withInner(isMapping(inner) ? inner : {}, rest, value),
  };
}
