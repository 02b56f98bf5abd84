/**
 * The settings of augmentation, derived from the augmentations of the catalogue: a section for each, and the presets.
 * docs/explanation/augmentation.md shows pictures of them. File and program spell these keys alike.
 */
import { z } from "zod";
import { isAcceptingUnknown } from "./accepting.js";
import { AUGMENT_PRESETS, type AugmentPreset } from "./augment-presets.js";
import { componentsEdition, componentsOf, type Component } from "./components.js";
import { key } from "./notes.js";

/**
 * The options of each built-in augmentation, or null = off; augment/catalogue.ts adds these fields. A probability applies
 * to a slice (or to a volume, if volumes are augmented).
 */
export interface AugmentConfig {
  /** The augmentations of plug-ins by their names, if there are any. They are applied last, in the order of this object. */
  plugins?: Record<string, Record<string, unknown>>;
}

type BuiltIn = Component & Required<Pick<Component, "presets">>;
const isBuiltIn = (component: Component): component is BuiltIn => component.presets !== undefined;

/** What is derived from the registered components. */
interface Derived {
  edition: number;
  builtIn: readonly BuiltIn[];
  presets: Record<AugmentPreset, AugmentConfig>;
  /** The section that a file may have instead of a preset's name. */
  settings: z.ZodObject;
}

let kept: Derived | undefined;

function derived(): Derived {
  if (kept?.edition !== componentsEdition()) {
    const components = componentsOf("augmentation");
    const builtIn = components.filter(isBuiltIn);
    const presets = AUGMENT_PRESETS.map((preset) => [preset, presetOf(builtIn, preset)]);
    kept = {
      edition: componentsEdition(),
      builtIn,
      presets: Object.fromEntries(presets) as Derived["presets"],
      settings: z.strictObject({ preset: presetKey(), ...sectionsOf(components) }),
    };
  }
  return kept;
}

const presetOf = (builtIn: readonly BuiltIn[], preset: AugmentPreset) =>
  Object.fromEntries(builtIn.map((component) => [component.name, optionsIn(component, preset)]));

function optionsIn({ presets, options }: BuiltIn, preset: AugmentPreset): Record<string, unknown> | null {
  const given = preset === "none" ? undefined : presets?.[preset];
  return given === undefined ? null : options.parse(given);
}

const presetKey = () =>
  key(
    z.enum(AUGMENT_PRESETS).optional(),
    "none, light, published or strong",
    "Preset that the keys below change",
    {
      initial: "none",
    },
  );

const sectionsOf = (components: readonly Component[]) =>
  Object.fromEntries(components.map(({ name, options }) => [name, options.nullable().optional()]));

export const augmentPresets = (): Readonly<Derived["presets"]> => derived().presets;
export const augmentSettings = (): z.ZodObject => derived().settings;

/**
 * The complete settings that a preset's changes give: the file's keys, then the preset's, then the defaults.
 * @param given the section as the file has it   @param parsed the same, whose plug-ins have all of their options
 */
function complete(given: Record<string, unknown>, parsed: Record<string, unknown>): AugmentConfig {
  const { builtIn } = derived();
  const preset = AUGMENT_PRESETS.find((name) => name === given["preset"]) ?? "none";
  const entries = builtIn.map((component): [string, unknown] => {
    const [change, base] = [given[component.name], optionsIn(component, preset)];
    if (change === undefined) return [component.name, base];
    return [component.name, change === null ? null : component.options.parse({ ...base, ...change })];
  });
  const known = new Set(["preset", ...builtIn.map(({ name }) => name)]);
  const plugins = Object.entries(parsed).filter(([name, change]) => !known.has(name) && change !== null);
  const added = plugins.length === 0 ? [] : [["plugins", Object.fromEntries(plugins)] as const];
  return structuredClone(Object.fromEntries([...entries, ...added])) as unknown as AugmentConfig;
}

/** If plug-ins are not loaded, a section without a transform of its name belongs to one of them. */
function settingsFor(value: object): z.ZodObject {
  const settings = augmentSettings();
  if (!isAcceptingUnknown()) return settings;
  const foreign = Object.keys(value).filter((name) => !(name in settings.shape));
  const loose = z.record(z.string(), z.unknown()).nullable().optional();
  return z.strictObject({ ...settings.shape, ...Object.fromEntries(foreign.map((name) => [name, loose])) });
}

/** A preset's name, true (published), false (none), or changes to a preset. */
export const augmentSchema = () =>
  z.unknown().transform((value, context): AugmentConfig => {
    const named = value === true ? "published" : value === false ? "none" : value;
    const name = AUGMENT_PRESETS.find((preset) => preset === named);
    if (name !== undefined) return structuredClone(augmentPresets()[name]);
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      context.addIssue({ code: "invalid_type", expected: "object", input: value });
      return z.NEVER;
    }
    const parsed = settingsFor(value).safeParse(value);
    if (parsed.success) return complete({ ...value }, parsed.data);
    for (const issue of parsed.error.issues)
      context.issues.push({ ...issue, path: [...issue.path], input: value } as z.core.$ZodRawIssue);
    return z.NEVER;
  });

/** How a file writes the settings: the name of the preset that they are, else every transform that is on. */
export function augmentToFile(config: AugmentConfig): AugmentPreset | Partial<AugmentConfig> {
  const presets = augmentPresets();
  const same = AUGMENT_PRESETS.find((name) => JSON.stringify(presets[name]) === JSON.stringify(config));
  if (same !== undefined) return same;
  const { plugins = {}, ...rest } = config;
  return {
    ...Object.fromEntries(Object.entries(rest).filter(([, setting]) => setting !== null)),
    ...plugins,
  };
}
