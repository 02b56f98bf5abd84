/** Which plug-ins this thread has loaded; how they are loaded is in plugins.ts. */
import type { Component } from "./components.js";

/** A plug-in as a run keeps it, and as a worker is told of it. */
export interface PluginFile {
  /** Absolute. */
  file: string;
  sha256: string;
}

/** On this thread, in the order of loading. */
const loaded = new Map<string, PluginFile>();
/** Components that this copy of the package has defined; those of a second copy would not fit its models. */
const defined = new WeakSet<object>();

/** Called by the definers. */
export function noteDefined<C extends Component>(component: C): C {
  defined.add(component);
  return component;
}

export const isDefinedHere = (component: object): boolean => defined.has(component);

export const loadedPlugins = (): readonly PluginFile[] => [...loaded.values()];
export const isLoaded = (file: string): boolean => loaded.has(file);
export const noteLoaded = (plugin: PluginFile): void => void loaded.set(plugin.file, plugin);
