/** The configuration of a stored run that an earlier version began, with the keys of this one. */
import { isMapping, type Mapping } from "./document.js";
import { FOCAL_OPTIONS, HEAD_KEYS, HEAD_OPTIONS, NETWORK_KEYS } from "./renamed.js";

/**
 * Earlier versions wrote the sections slice, volume and fine_tune for every method, and options of heads and losses beside
 * their names.
 * @param root a stored config.yaml, complete   @returns the same where it has no keys of earlier versions
 */
export function withNewKeys(root: Mapping): Mapping {
  const { slice, volume, fine_tune, log, ...rest } = root;
  if (!isMapping(volume)) return root;
  const logged = log === undefined ? {} : { log };
  if (root["method"] === "2d") return { ...rest, ...section("slice", slice), ...logged };
  if (root["method"] === "3d") return { ...rest, network: networkOf(withLossOptions(volume)), ...logged };
  const head = headOf(withLossOptions(volume));
  const tuned = fine_tune === undefined ? {} : { fine_tune };
  return { ...rest, ...section("slice", slice), head, ...tuned, ...logged };
}

const section = (name: string, value: unknown): Mapping =>
  isMapping(value) ? { [name]: withLossOptions(value) } : {};

function headOf({ head, ...volume }: Mapping): Mapping {
  const options = Object.fromEntries(
    HEAD_OPTIONS.filter((name) => (volume[name] ?? null) !== null).map((name) => [name, volume[name]]),
  );
  const model = head === undefined ? {} : { model: withOptions(head, options) };
  return { ...model, ...without(volume, [...HEAD_OPTIONS, ...NETWORK_KEYS]) };
}

const networkOf = (volume: Mapping): Mapping => without(volume, ["head", ...HEAD_KEYS, ...HEAD_OPTIONS]);

/** The focal loss had its options beside it, with these defaults; other losses ignored them. */
const FOCAL_DEFAULTS: Readonly<Record<string, unknown>> = { focal_gamma: 2, focal_alpha: null };

function withLossOptions(stage: Mapping): Mapping {
  const given = Object.keys(FOCAL_OPTIONS).filter(
    (name) => name in stage && stage[name] !== FOCAL_DEFAULTS[name],
  );
  const rest = without(stage, Object.keys(FOCAL_OPTIONS));
  if (given.length === 0 || rest["loss"] !== "focal") return rest;
  const options = Object.fromEntries(given.map((name) => [FOCAL_OPTIONS[name]!, stage[name]]));
  return { ...rest, loss: withOptions("focal", options) };
}

/** A component as a file names it, with further options. */
function withOptions(component: unknown, options: Mapping): unknown {
  if (Object.keys(options).length === 0) return component;
  if (typeof component === "string") return { [component]: options };
  if (!isMapping(component)) return component;
  return Object.fromEntries(
    Object.entries(component).map(([name, own]) => [name, { ...options, ...(isMapping(own) ? own : {}) }]),
  );
}

const without = (section: Mapping, names: readonly string[]): Mapping =>
  Object.fromEntries(Object.entries(section).filter(([name]) => !names.includes(name)));
