/** Which sections each method has, and what is said about those of another one. */
import { orList } from "./components.js";
import { isMapping, type Mapping } from "./document.js";
import { methodSchema, runSchemas } from "./schema.js";
import type { Method } from "./types.js";
import { leavesOf, validate, type Place } from "./validate.js";

export const METHODS: readonly Method[] = ["2d", "2.5d", "3d"];

/** The method that a file names, or the default. @throws ConfigError where it is none */
export const methodOf = (root: Mapping, place: Place): Method => validate(methodSchema, root, place).method;

/** The names of a method's keys outside sections, and of its sections. */
const topNames = (method: Method): ReadonlySet<string> =>
  new Set(leavesOf(runSchemas()[method]).map(({ path: [first = ""] }) => first));

/** The methods that have a key or a section of this name; none where no method has it. */
export function methodsWith(dotted: string): Method[] {
  const [section = ""] = dotted.split(".");
  return METHODS.filter((method) => topNames(method).has(section));
}

/** Why a key is refused that another method has; null where no method has it, or where this one does. */
export function foreignKey(dotted: string, method: Method): string | null {
  const [section = ""] = dotted.split(".");
  const owners = methodsWith(section);
  if (owners.length === 0 || owners.includes(method)) return null;
  const distinguishing = [...topNames(method)].filter((name) => methodsWith(name).length < METHODS.length);
  const sections =
    distinguishing.length === 1
      ? `section is ${distinguishing[0]}`
      : `sections are ${distinguishing.join(", ")}`;
  return `${section} is a section of method ${orList(owners)}; this configuration has method ${method}, whose ${sections}. Remove it, or change method.`;
}

/** The file without the sections that its own method has and another one lacks. */
export const withoutForeign = (root: Mapping, method: Method): Mapping =>
  Object.fromEntries(
    Object.entries(root).filter(([name, value]) => !isMapping(value) || foreignKey(name, method) === null),
  );
