/**
 * Keys that have another name or another place than in earlier versions. A file that a user writes is refused with the new
 * name; the configurations of stored runs are translated (stored.ts).
 */
import type { ConfigProblem } from "./errors.js";
import { isMapping, type Mapping } from "./document.js";
import { runSchemas } from "./schema.js";
import type { Method } from "./types.js";
import { leavesOf, type Place } from "./validate.js";

/** Keys of the former section `volume` that only a head has. */
export const HEAD_KEYS = ["slices", "views"];
/** Keys of the former section `volume` that are now options of the head. */
export const HEAD_OPTIONS = ["k", "width", "layers"];
/** Keys of the former section `volume` that only a network has. */
export const NETWORK_KEYS = ["model", "size", "fit"];
/** Keys of a stage that are now options of the loss focal. */
export const FOCAL_OPTIONS: Readonly<Record<string, string>> = { focal_gamma: "gamma", focal_alpha: "alpha" };

/** Where the former section `volume` is now, by method. */
const VOLUME_SECTIONS = { "2d": null, "2.5d": "head", "3d": "network" } as const;

/** Problems with the former keys that a file has, each with the new name. */
export function renamedKeys(root: Mapping, method: Method, place: Place): ConfigProblem[] {
  return Object.entries(root).flatMap(([section, inner]) => {
    if (section === "volume" && !isMapping(inner)) return [problemOf("volume", method, inner, place)];
    const names = isMapping(inner) ? Object.keys(inner) : [];
    return names
      .map((name) => ({ dotted: `${section}.${name}`, value: (inner as Mapping)[name] }))
      .filter(({ dotted }) => isFormer(dotted))
      .map(({ dotted, value }) => problemOf(dotted, method, value, place));
  });
}

/** Whether an earlier version had this key. */
export const isFormer = (dotted: string): boolean => {
  const [section = "", name = ""] = dotted.split(".");
  return section === "volume" || (LOSS_SECTIONS.has(section) && Object.hasOwn(FOCAL_OPTIONS, name));
};

const LOSS_SECTIONS = new Set(["slice", "head", "network"]);

function problemOf(dotted: string, method: Method, value: unknown, place: Place): ConfigProblem {
  const { message, now } = newName(dotted, method, value);
  return {
    ...place(dotted.split("."), "key"),
    key: dotted,
    ...(now === null ? {} : { suggestions: [now] }),
    message,
  };
}

interface NewName {
  /** The key of this version; null where the method has none for it. */
  now: string | null;
  message: string;
}

/** @param value what the file gives the key, for the example in the message */
export function newName(dotted: string, method: Method, value: unknown): NewName {
  const [former = "", name] = dotted.split(".");
  const section = former === "volume" ? VOLUME_SECTIONS[method] : former;
  if (name !== undefined && Object.hasOwn(FOCAL_OPTIONS, name)) {
    const loss = `loss: {focal: ${shown({ [FOCAL_OPTIONS[name]!]: value })}}`;
    const where = section === null ? loss : `${section}: {${loss}}`;
    const now = section === null ? null : `${section}.loss`;
    return { now, message: `${dotted} is now an option of the loss, below its name: ${where}` };
  }
  if (name !== undefined && HEAD_OPTIONS.includes(name)) {
    const message = `${dotted} is now an option of the head, below its name: head: {model: {NAME: ${shown({ [name]: value })}}}`;
    return { now: "head.model", message: ofMethod(message, method, "2.5d") };
  }
  if (name === "head") return renamed(dotted, "head.model", method, "2.5d");
  if (name !== undefined && HEAD_KEYS.includes(name)) return renamed(dotted, `head.${name}`, method, "2.5d");
  if (name !== undefined && NETWORK_KEYS.includes(name))
    return renamed(dotted, `network.${name}`, method, "3d");
  const inner = name === undefined ? "" : `.${name}`;
  if (section !== null && name !== undefined && !isKey(`${section}.${name}`, method))
    return { now: section, message: `unknown key ${dotted}; the section volume is now ${section}` };
  if (section !== null) return { now: `${section}${inner}`, message: `${dotted} is now ${section}${inner}` };
  const message = `${dotted} is now head${inner} (method 2.5d) or network${inner} (method 3d), and method ${method} has neither; remove it`;
  return { now: null, message };
}

const isKey = (dotted: string, method: Method): boolean =>
  leavesOf(runSchemas()[method]).some(({ path }) => path.join(".") === dotted);

function renamed(dotted: string, now: string, method: Method, owner: Method): NewName {
  return { now: method === owner ? now : null, message: ofMethod(`${dotted} is now ${now}`, method, owner) };
}

const ofMethod = (message: string, method: Method, owner: Method): string =>
  method === owner
    ? message
    : `${message}, a key of method ${owner}, and this configuration has method ${method}; remove it`;

/** A value as YAML writes it on a line. */
const shown = (options: Mapping): string =>
  `{${Object.entries(options)
    .map(([name, value]) => `${name}: ${JSON.stringify(value)}`)
    .join(", ")}}`;
