/**
 * How a file names a component: `head: attention`, or with its options `head: {attention: {width: 32}}`.
 * The options are checked by the schema that the component carries.
 */
import { z } from "zod";
import { isAcceptingUnknown } from "./accepting.js";
import { componentNames, defaultName, findComponent, orList, type ComponentKind } from "./components.js";
import { isMapping } from "./document.js";
import { key } from "./notes.js";

/** A component by name, and the options that the file gives it. */
export interface Choice {
  name: string;
  options: Record<string, unknown>;
}

/** The kind that a leaf of the schema names a component of; for the JSON schema. */
export const choiceKinds = new WeakMap<z.ZodType, ComponentKind>();

/** A leaf that takes the name of a component, alone or with options below it. */
export function componentChoice(kind: ComponentKind, meaning: string) {
  const initial = defaultName(kind);
  const schema = z.unknown().transform((value, context): Choice => {
    const choice = choiceIn(value);
    if (choice === null) return refuse(context, value);
    const component = findComponent(kind, choice.name);
    if (component === undefined || component.isSetting === false)
      return isAcceptingUnknown() ? choice : refuse(context, value);
    const parsed = component.options.safeParse(choice.options);
    if (parsed.success) return choice;
    for (const issue of parsed.error.issues) {
      const place = [choice.name, ...issue.path].map(String);
      context.addIssue({ code: "custom", message: `${place.join(".")}: ${issue.message}`, path: place });
    }
    return z.NEVER;
  });
  const leaf = key(schema.prefault(initial), orList(componentNames(kind)), meaning, { initial });
  choiceKinds.set(leaf, kind);
  return leaf;
}

function refuse(context: z.core.$RefinementCtx, value: unknown): never {
  context.issues.push({ code: "invalid_type", expected: "string", input: value });
  return z.NEVER;
}

function choiceIn(value: unknown): Choice | null {
  if (typeof value === "string") return { name: value, options: {} };
  if (!isMapping(value) || Object.keys(value).length !== 1) return null;
  const [[name, options] = ["", null]] = Object.entries(value);
  if (options === null || options === undefined) return { name, options: {} };
  return isMapping(options) ? { name, options } : null;
}

/** How a file writes a choice. */
export const choiceToFile = (name: string, options: Record<string, unknown>): unknown =>
  Object.keys(options).length === 0 ? name : { [name]: options };
