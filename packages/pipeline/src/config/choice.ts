/**
 * How a file names a component: `model: attention`, or with options below the name, `model: {attention: {width: 32}}`.
 * Built-in components and those of plug-ins are alike: the options are checked by the schema that the component carries.
 */
import { z } from "zod";
import { isAcceptingUnknown } from "./accepting.js";
import {
  componentNames,
  defaultName,
  findComponent,
  orList,
  settingsOfKind,
  type Component,
  type ComponentKind,
} from "./components.js";
import { isMapping, received } from "./document.js";
import { key, keyNotes } from "./notes.js";

/** Options that a file gives a component; those that it leaves out have the defaults of the component's schema. */
export type Options = Record<string, unknown>;

/** A component by its name, with the options that the file gives it. */
export interface Choice {
  name: string;
  options: Options;
}

/** The kind of component that a leaf of the schema names. */
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
    const problems = optionProblems(component, choice.options);
    for (const { option, message } of problems)
      context.addIssue({ code: "custom", message, path: [choice.name, ...option] });
    return problems.length === 0 ? choice : z.NEVER;
  });
  const leaf = key(schema.prefault(initial), orList(componentNames(kind)), meaning, { initial });
  choiceKinds.set(leaf, kind);
  return leaf;
}

function refuse(context: z.core.$RefinementCtx, value: unknown): never {
  context.issues.push({ code: "invalid_type", expected: "string", input: value });
  return z.NEVER;
}

/** What a file's value chooses; null if it is not a choice. */
export function choiceIn(value: unknown): Choice | null {
  if (typeof value === "string") return { name: value, options: {} };
  if (!isMapping(value) || Object.keys(value).length !== 1) return null;
  const [[name, options] = ["", null]] = Object.entries(value);
  if (options === null || options === undefined) return { name, options: {} };
  return isMapping(options) ? { name, options } : null;
}

export interface OptionProblem {
  /** Its path within the options. */
  option: string[];
  message: string;
}

/** What is wrong with the options of a component, in the words of its notes (notes.ts) if it has any. */
export function optionProblems(
  component: Pick<Component, "kind" | "name" | "options">,
  given: Options,
): OptionProblem[] {
  const schema = component.options;
  const parsed = schema.safeParse(given);
  return (parsed.error?.issues ?? []).flatMap((issue): OptionProblem[] => {
    if (issue.code === "unrecognized_keys")
      return issue.keys.map((option) => ({ option: [option], message: noSuchOption(component, option) }));
    const path = issue.path.map(String);
    const [option = ""] = path;
    const note = keyNotes.get(schema.shape[option] as z.ZodType);
    if (note === undefined) return [{ option: path, message: issue.message }];
    return [{ option: [option], message: `expected ${note.expects}, received ${received(given[option])}` }];
  });
}

function noSuchOption(
  { kind, name, options }: Pick<Component, "kind" | "name" | "options">,
  option: string,
): string {
  const known = Object.keys(options.shape);
  const owners = settingsOfKind(kind).filter((other) => Object.hasOwn(other.options.shape, option));
  const elsewhere =
    owners.length === 0 ? "" : ` (${owners.map((other) => other.name).join(", ")}: ${option})`;
  return `there is no such option; ${name} has ${known.length === 0 ? "no options" : known.join(", ")}${elsewhere}`;
}

/** Whether a value of a configuration is the choice of a component. */
export function isChoice(value: unknown): value is Choice {
  return (
    isMapping(value) && Object.keys(value).sort().join() === "name,options" && isMapping(value["options"])
  );
}

/** How a file writes a choice. */
export const choiceToFile = ({ name, options }: Choice): unknown =>
  Object.keys(options).length === 0 ? name : { [name]: options };
