/** What a plug-in throws is reported as its error: which plug-in, which of its components, doing what. */
import type { Component } from "./components.js";
import { PluginError } from "./errors.js";

/** Errors that say by themselves what to do, whoever throws them. */
const PASSED_ON = new Set(["PluginError", "ModelError", "ConfigError", "OutOfMemoryError", "AbortError"]);

/** What a model, a head or a loss that a component has made is asked for. */
const METHODS = [
  "forward",
  "featureMaps",
  "embed",
  "classify",
  "loss",
  "mass",
  "outputs",
  "probabilities",
] as const;

/** The component, with every function of it and of what it makes reporting its errors so. */
export function guarded<C extends Component>(component: C, plugin: string): C {
  const owner = `${component.kind} ${component.name}`;
  const entries = Object.entries(component).map(([name, value]: [string, unknown]): [string, unknown] => {
    if (!isFunction(value)) return [name, value];
    const call = (...args: unknown[]) => {
      const made = attempt(() => value.apply(component, args), plugin, `in ${name}() of its ${owner}`);
      return name === "create" ? withGuardedMethods(made, plugin, owner) : made;
    };
    return [name, call];
  });
  return Object.fromEntries(entries) as unknown as C;
}

type AnyFunction = (this: unknown, ...args: unknown[]) => unknown;
const isFunction = (value: unknown): value is AnyFunction => typeof value === "function";

function withGuardedMethods(made: unknown, plugin: string, owner: string): unknown {
  if (typeof made !== "object" || made === null) return made;
  for (const name of METHODS) {
    const method: unknown = Reflect.get(made, name);
    if (!isFunction(method)) continue;
    const value = (...args: unknown[]) =>
      attempt(() => method.apply(made, args), plugin, `in ${name}() of its ${owner}`);
    // Not enumerable: the fields of a module that are name its parameters.
    Object.defineProperty(made, name, { value, configurable: true, writable: true });
  }
  return made;
}

function attempt(body: () => unknown, plugin: string, where: string): unknown {
  try {
    return body();
  } catch (error) {
    if (error instanceof Error && PASSED_ON.has(error.name)) throw error;
    throw PluginError.thrown(plugin, where, error);
  }
}
