/**
 * Plug-ins: modules outside of the package that add components. Each is imported by its URL, on the main thread and on
 * every worker; its SHA-256 is kept, so that a run is only ever opened with the code that it was trained with.
 */
import { existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, isAbsolute, join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { COMPONENT_KINDS, findComponent, registerComponent, type Component } from "./components.js";
import { isMapping, readSource } from "./document.js";
import { ConfigError, PluginError } from "./errors.js";
import { guarded } from "./guarded.js";
import { isDefinedHere, isLoaded, loadedPlugins, noteLoaded } from "./loaded-plugins.js";
import { findStoredPlugin, hashOfPlugin } from "./plugin-files.js";

/** The path as a reader would type it from here. */
export function shownPlugin(file: string): string {
  const near = relative(process.cwd(), file);
  return near.startsWith("..") || isAbsolute(near) ? file : `./${near}`;
}

/** With or without a scope. Names that npm would take for an option, an address or several words are not packages. */
const PACKAGE_NAME = /^(@[\w~][\w.~-]*\/)?[\w~][\w.~-]*$/;

/**
 * The file that an entry of `plugins` means: a path, relative to the configuration's folder, or a package that is
 * installed there or in a folder above.
 * @throws ConfigError if it is missing
 */
export function resolvePlugin(given: string, folder: string): string {
  const isPath = /^\.{0,2}\//.test(given) || isAbsolute(given);
  if (!isPath && !PACKAGE_NAME.test(given)) {
    const message = `plugins: expected a path that begins with ./, ../ or /, or the name of a package; received the text ${JSON.stringify(given)}`;
    throw new ConfigError([{ key: "plugins", message }]);
  }
  const file = isPath ? resolve(folder, given) : packageEntry(given, folder);
  if (file !== null && existsSync(file) && statSync(file).isFile()) return realpathSync(file);
  const wanted = isPath
    ? `a file ${file}`
    : `a package that is installed in ${folder} or in a folder above it`;
  const message = `plugins: expected ${wanted}, found none for ${given}. Correct the entry${isPath ? "; a path is relative to the configuration" : `, or install it: npm install ${given}`}.`;
  throw new ConfigError([{ key: "plugins", message }]);
}

/** What `import` would take of a package, read from its package.json. */
function packageEntry(name: string, folder: string): string | null {
  for (let at = resolve(folder); ; at = dirname(at)) {
    const manifest = join(at, "node_modules", name, "package.json");
    if (existsSync(manifest)) {
      const { exports, module, main } = readManifest(manifest);
      return join(dirname(manifest), entryOf(exports) ?? entryOf(module) ?? entryOf(main) ?? "index.js");
    }
    if (dirname(at) === at) return null;
  }
}

function readManifest(file: string): Record<string, unknown> {
  try {
    const manifest: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (isMapping(manifest)) return manifest;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  const message = `plugins: expected ${file} to hold a JSON object; it is damaged. Install the package again.`;
  throw new ConfigError([{ key: "plugins", message }]);
}

/** The first of a package's entries that a module of Node may take. */
function entryOf(value: unknown): string | null {
  if (typeof value === "string") return value;
  if (!isMapping(value)) return null;
  for (const condition of [".", "node", "import", "default"]) {
    const found = condition in value ? entryOf(value[condition]) : null;
    if (found !== null) return found;
  }
  return null;
}

/**
 * Loads the plug-ins that a configuration names, before loadConfig reads what they add.
 * @param options as for loadConfig   @throws ConfigError, PluginError
 */
export async function usePlugins(options: {
  file?: string;
  text?: string;
  overrides?: Record<string, string>;
}): Promise<void> {
  await loadPlugins(pluginFiles(readSource(options), options.overrides).map((file) => ({ file })));
}

/** The entries of `plugins` as absolute files. @throws ConfigError where one is not found */
export function pluginFiles(
  { file, root }: { file: string; root: Record<string, unknown> },
  overrides: Record<string, string> = {},
): string[] {
  const flag = overrides["plugins"];
  const given =
    flag === undefined ? root["plugins"] : readSource({ text: `plugins: ${flag}` }).root["plugins"];
  const folder = flag === undefined && existsSync(file) ? dirname(resolve(file)) : process.cwd();
  return listedPlugins({ plugins: given }).map((entry) => resolvePlugin(entry, folder));
}

/** The plug-ins that a run's configuration names, as absolute files. */
export const storedPlugins = ({ file, root }: { file: string; root: Record<string, unknown> }): string[] =>
  listedPlugins(root).map((entry) => findStoredPlugin(entry, dirname(resolve(file))));

/** The entries of `plugins` as they are written. What is no text, the schema refuses. */
export const listedPlugins = ({ plugins }: Record<string, unknown>): string[] =>
  Array.isArray(plugins) ? plugins.filter((entry) => typeof entry === "string") : [];

/**
 * Imports plug-ins and registers what they add; one that is loaded already is passed over.
 * @param plugins with the hash that is expected, where one is known
 * @throws PluginError where one throws, has changed, exports no component, or adds a name that exists
 */
export async function loadPlugins(plugins: readonly { file: string; sha256?: string }[]): Promise<void> {
  for (const { file, sha256 } of plugins) {
    if (!existsSync(file))
      throw new PluginError(
        file,
        "is missing",
        "Put it back. A run names its plug-ins by their paths relative to its own folder: move both together.",
      );
    const found = hashOfPlugin(file);
    const known = loadedPlugins();
    const expected = sha256 ?? known.find((plugin) => plugin.file === file)?.sha256 ?? found;
    if (found !== expected)
      throw new PluginError(
        shownPlugin(file),
        `has changed, or a file that it imports has: the SHA-256 is ${found.slice(0, 12)}, expected ${expected.slice(0, 12)}`,
        "Put the old files back, or train a new run with the changed one.",
      );
    // The same code from another folder, as from a bundle, adds nothing.
    if (!isLoaded(file) && !known.some((plugin) => plugin.sha256 === found)) await load(file, found);
  }
}

async function load(file: string, sha256: string): Promise<void> {
  const shown = shownPlugin(file);
  let module: { default?: unknown };
  try {
    module = (await import(pathToFileURL(file).href)) as { default?: unknown };
  } catch (error) {
    throw PluginError.thrown(shown, "while it was loaded", error);
  }
  const exported: unknown[] = Array.isArray(module.default) ? module.default : [module.default];
  const components = exported.map((value) => checked(shown, value));
  for (const component of components) registerComponent(guarded(component, shown));
  noteLoaded({ file, sha256 });
}

const NAME = /^[a-z][a-z0-9_]*$/;

function checked(shown: string, value: unknown): Component {
  if (typeof value !== "object" || value === null || !("kind" in value))
    throw new PluginError(
      shown,
      "has a default export that is no component",
      "Export what defineTrunk, defineHead, defineNetwork, defineLoss, defineAugmentation or defineMetric returns, or a list of these.",
    );
  if (!isDefinedHere(value))
    throw new PluginError(
      shown,
      "was defined by another copy of @slicestack/pipeline than the one that runs",
      "Install slicestack and the plug-in's @slicestack/pipeline in one project, so that both resolve to one folder.",
    );
  const component = value as Component;
  const { kind, name } = component;
  if (!COMPONENT_KINDS.includes(kind) || !NAME.test(name))
    throw new PluginError(
      shown,
      `names its ${kind} ${JSON.stringify(name)}, expected lower case letters, digits and underscores`,
      "Rename it.",
    );
  const isTaken = findComponent(kind, name) !== undefined || (kind === "augmentation" && RESERVED.has(name));
  if (isTaken)
    throw new PluginError(
      shown,
      `adds a ${kind} ${name}, and there is one of that name already`,
      "Rename it.",
    );
  return component;
}

/** What a section of augmentations holds besides the augmentations. */
const RESERVED = new Set(["preset", "plugins"]);
