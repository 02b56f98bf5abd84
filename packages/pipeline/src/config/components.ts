/**
 * The components that a configuration can name: trunks, heads, networks, losses, augmentations, selection metrics.
 * The configuration is the lowest room and contains no component's name. models/catalogue.ts registers the built-in ones,
 * config/plugins.ts those of plug-ins; schema, reference pages and errors are derived from what is registered here.
 */
import type { z } from "zod";
import type { PresetOptions } from "./augment-presets.js";

export const COMPONENT_KINDS = ["trunk", "head", "network", "loss", "augmentation", "metric"] as const;
export type ComponentKind = (typeof COMPONENT_KINDS)[number];

/** What every component states about itself, and what a configuration has to know about it. */
export interface Component {
  readonly kind: ComponentKind;
  /** Its name in the configuration: lower case letters, digits and underscores. */
  readonly name: string;
  /** Publication: authors, venue, year; "own" for a design of its author. */
  readonly source: string;
  /** Layers or formula in a few words. */
  readonly architecture: string;
  /** Its options, which a file gives below its name; each has a default. `key` (notes.ts) describes one for the reference. */
  readonly options: z.ZodObject;
  /** A clause that the reference adds to its name. */
  readonly hint?: string | undefined;
  /** False for one that no configuration can name: a published model that other settings choose. Default true. */
  readonly isSetting?: boolean | undefined;
  /** The role for which `plan` chooses it. */
  readonly planned?: string | undefined;
  /** A head: whether it sees embeddings (the default) or the last feature maps of slices. */
  sees?: "embedding" | "maps" | undefined;
  /** A head that cannot predict grades in order: the reason. */
  refusesGrades?: string | undefined;
  /** A head with weights for each place of a slice, so that every volume needs the same number of slices. */
  needsOneDepth?: boolean | undefined;
  /** A metric: its usual name. */
  label?: string | undefined;
  lowerIsBetter?: boolean | undefined;
  /** A loss or a metric that is only meaningful for classes that are grades in order. */
  isOrdinal?: boolean | undefined;
  correctsFrequencies?: boolean | undefined;
  /** A built-in augmentation: its options in the presets. Those of plug-ins belong to no preset. */
  readonly presets?: PresetOptions | undefined;
  /** Its name in the flat files of the published system. */
  published?: PublishedName | undefined;
}

/** A model of the published system: the data set that it belongs to there, and its settings here. */
export interface PublishedName {
  dataset: "2d" | "3d";
  settings: Readonly<Record<string, unknown>>;
  /** Further settings if the file gives a checkpoint, which is that of a trained slice model. */
  withCheckpoint?: Readonly<Record<string, unknown>>;
}

const registered = new Map<ComponentKind, Map<string, Component>>(
  COMPONENT_KINDS.map((kind) => [kind, new Map()]),
);
const defaults = new Map<ComponentKind, string>();
let edition = 0;

/** Increases with every registration; what is derived from the components is derived again after a change. */
export const componentsEdition = (): number => edition;

export function registerComponent(component: Component): void {
  const { kind, name } = component;
  const before = registered.get(kind)?.get(name);
  if (before !== undefined) throw new Error(`the ${kind} ${name} is registered twice`);
  registered.get(kind)?.set(name, component);
  edition++;
}

/** The component of a kind that a configuration gets if its file names none. */
export function setDefault({ kind, name }: Component): void {
  defaults.set(kind, name);
  edition++;
}

/** All of a kind, built-in ones first, in the order of their registration. */
export function componentsOf(kind: ComponentKind): readonly Component[] {
  const components = [...(registered.get(kind)?.values() ?? [])];
  if (components.length === 0)
    throw new Error(
      "no component is registered: import models/catalogue.js before the configuration is read",
    );
  return components;
}

/** Those of a kind that a configuration can name. */
export const settingsOfKind = (kind: ComponentKind): readonly Component[] =>
  componentsOf(kind).filter(({ isSetting }) => isSetting !== false);

export const componentNames = (kind: ComponentKind): string[] => settingsOfKind(kind).map(({ name }) => name);

/** @returns undefined if no component has that name */
export const findComponent = (kind: ComponentKind, name: string): Component | undefined =>
  registered.get(kind)?.get(name);

/** @throws Error if the catalogue has named none */
export function defaultName(kind: ComponentKind): string {
  const name = defaults.get(kind);
  if (name === undefined) throw new Error(`the catalogue names no default ${kind}`);
  return name;
}

/** The component that `plan` chooses for a role. @throws Error if none has the role */
export function plannedName(kind: ComponentKind, role: string): string {
  const component = componentsOf(kind).find(({ planned }) => planned === role);
  if (component === undefined) throw new Error(`no ${kind} of the catalogue is planned for ${role}`);
  return component.name;
}

/** "a, b or c" */
export function orList(names: readonly string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
}
