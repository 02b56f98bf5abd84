/**
 * The components that a configuration can name: trunks, heads, networks, losses, augmentations, selection metrics.
 * The configuration is the lowest room and knows none of them by name. models/catalogue.ts registers the built-in ones,
 * config/plugins.ts those of plug-ins; schema, reference pages and errors are derived from what is registered here.
 */
import type { z } from "zod";

export const COMPONENT_KINDS = ["trunk", "head", "network", "loss", "augmentation", "metric"] as const;
export type ComponentKind = (typeof COMPONENT_KINDS)[number];

/** What every component says of itself, and what a configuration has to know of it. */
export interface Component {
  readonly kind: ComponentKind;
  /** Lower case, digits and underscores: what the configuration calls it. */
  readonly name: string;
  /** Where it is from: authors, place, year; "own" for a design of its author. */
  readonly source: string;
  /** Layers or formula in a few words. */
  readonly architecture: string;
  /** Its options; those that the configuration leaves out have defaults. */
  readonly options: z.ZodObject;
  /** What the reference adds to its name, in a clause. */
  readonly hint?: string | undefined;
  /** False for one that no configuration names: a published model that is reached in another way. Default true. */
  readonly isSetting?: boolean | undefined;
  /** The role in which `plan` chooses it. */
  readonly planned?: string | undefined;
  /** A head: whether it sees embeddings (the default) or the last feature maps of slices. */
  sees?: "embedding" | "maps" | undefined;
  /** A head: why it cannot tell grades in order, where it cannot. */
  refusesGrades?: string | undefined;
  /** A head with weights for each place of a slice, so that every volume needs the same number of slices. */
  needsOneDepth?: boolean | undefined;
  /** A metric: as people call it. */
  label?: string | undefined;
  lowerIsBetter?: boolean | undefined;
  /** A loss or a metric that only means something for classes that are grades in order. */
  isOrdinal?: boolean | undefined;
  /** Options that a stage's section has under a name of its own: option → that name in camelCase. */
  stageKeys?: Readonly<Record<string, string>> | undefined;
  /** What a flat file of the published system calls it. */
  published?: PublishedName | undefined;
}

/** A model of the published system: its name there, the data set that it belongs to, and what it is here. */
export interface PublishedName {
  dataset: "2d" | "3d";
  settings: Readonly<Record<string, unknown>>;
  /** Settings where the file gives a checkpoint, which is that of a trained slice model. */
  withCheckpoint?: Readonly<Record<string, unknown>>;
}

const registered = new Map<ComponentKind, Map<string, Component>>(COMPONENT_KINDS.map((kind) => [kind, new Map()]));
const defaults = new Map<ComponentKind, string>();
let edition = 0;

/** Grows with every registration: what is derived from the components is derived again when it has changed. */
export const componentsEdition = (): number => edition;

export function registerComponent(component: Component): void {
  const { kind, name } = component;
  const before = registered.get(kind)?.get(name);
  if (before !== undefined) throw new Error(`the ${kind} ${name} is registered twice`);
  registered.get(kind)?.set(name, component);
  edition++;
}

/** The component of a kind that the configuration names where a file names none. */
export function setDefault({ kind, name }: Component): void {
  defaults.set(kind, name);
  edition++;
}

/** All of a kind, built-in ones first, in the order of their registration. */
export function componentsOf(kind: ComponentKind): readonly Component[] {
  const found = [...(registered.get(kind)?.values() ?? [])];
  if (found.length === 0 && kind !== "augmentation")
    throw new Error("no component is registered: import models/catalogue.js before the configuration is read");
  return found;
}

/** Those of a kind that a configuration can name. */
export const settingsOfKind = (kind: ComponentKind): readonly Component[] =>
  componentsOf(kind).filter(({ isSetting }) => isSetting !== false);

export const componentNames = (kind: ComponentKind): string[] => settingsOfKind(kind).map(({ name }) => name);

/** @returns undefined where none has that name */
export const findComponent = (kind: ComponentKind, name: string): Component | undefined =>
  registered.get(kind)?.get(name);

/** @throws Error where the catalogue has named none */
export function defaultName(kind: ComponentKind): string {
  const name = defaults.get(kind);
  if (name === undefined) throw new Error(`the catalogue names no default ${kind}`);
  return name;
}

/** The component that `plan` takes in a role. @throws Error where none has it */
export function plannedName(kind: ComponentKind, role: string): string {
  const found = componentsOf(kind).find(({ planned }) => planned === role);
  if (found === undefined) throw new Error(`no ${kind} of the catalogue is planned for ${role}`);
  return found.name;
}

/** "a, b or c" */
export function orList(names: readonly string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
}
