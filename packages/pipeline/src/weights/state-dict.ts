/** Finds the weights in the object that a training script saved, removes prefixes of wrappers, and lists the other entries. */
import { StoredTensor } from "@slicestack/torch/safetensors";
import { valueText, type PickleValue } from "./pth/pickle-values.js";

/** An entry beside the weights. */
export interface OtherEntry {
  /** Its path, e.g. "optimizer_state_dict". */
  name: string;
  /** A description, e.g. "12" or "a dict of 2". */
  value: string;
}

export interface FoundWeights {
  stored: Map<string, StoredTensor>;
  /** Choices that were made, in sentences for the user. */
  notes: string[];
  others: OtherEntry[];
  /** Single numbers and short texts beside the weights, e.g. epoch. */
  metadata: Record<string, string>;
}

type Dict = Map<PickleValue, PickleValue>;

/** The keys under which training scripts store weights, the most common first. */
const usualNames = [
  "state_dict",
  "model_state_dict",
  "model_state",
  "model",
  "net",
  "network",
  "module",
  "weights",
  "params",
];
/**
 * The prefixes that wrappers add to every name: DataParallel, torch.compile, Lightning's module. Therefore no built-in model may have
 * all its weights in one child with such a name (test/models/describe.test.ts checks it).
 */
const wrapperPrefixes = ["module.", "_orig_mod.", "model.", "net."];
const lightningKey = "pytorch-lightning_version";
const mostShown = 200;

/** @throws an error with problem and remedy if there are no weights, or several candidates */
export function findWeights(
  root: PickleValue,
  fault: (problem: string, remedy: string) => Error,
): FoundWeights {
  if (!(root instanceof Map))
    throw fault(
      `holds ${valueText(root)}, not a state dict`,
      'Save one in Python: torch.save(model.state_dict(), "weights.pth").',
    );
  const { path, dict } = chosen(root, fault);
  const notes = path.length === 0 ? [] : [`The weights are those of "${path.join(".")}".`];
  const others = [...entriesBeside(root, path)];
  const stored = new Map<string, StoredTensor>();
  for (const [key, value] of dict) {
    if (typeof key === "string" && value instanceof StoredTensor) stored.set(key, value);
    else others.push(entry([...path, keyText(key)], value));
  }
  const isLightning = root.has(lightningKey);
  const metadata = Object.fromEntries([...scalars(root)]);
  const bare = withoutPrefixes(stored, isLightning);
  return {
    stored: bare.stored,
    notes: [...notes, ...bare.notes],
    others: [...others, ...bare.others],
    metadata,
  };
}

/** Removes prefixes that all names share. In a Lightning checkpoint only the names of the model need to share one, as it also has metrics and losses. */
export function withoutPrefixes(
  all: ReadonlyMap<string, StoredTensor>,
  isLightning = false,
): Pick<FoundWeights, "stored" | "notes" | "others"> {
  let stored = new Map(all);
  const notes: string[] = [];
  const others: OtherEntry[] = [];
  for (let prefix = prefixOf(stored, isLightning); prefix !== undefined; prefix = prefixOf(stored, false)) {
    const inside = [...stored].filter(([name]) => name.startsWith(prefix));
    for (const [name, tensor] of stored) if (!name.startsWith(prefix)) others.push(entry([name], tensor));
    const isWhole = inside.length === stored.size;
    stored = new Map(inside.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
    notes.push(
      `"${prefix}" was removed from the names${isWhole ? "" : "; tensors without it were left out"}.`,
    );
  }
  return { stored, notes, others };
}

function prefixOf(stored: ReadonlyMap<string, StoredTensor>, some: boolean): string | undefined {
  const names = [...stored.keys()];
  const has = (prefix: string) => (name: string) => name.startsWith(prefix) && name.length > prefix.length;
  return wrapperPrefixes.find((prefix) =>
    names.length > 0 && some ? names.some(has(prefix)) : names.length > 0 && names.every(has(prefix)),
  );
}

function chosen(
  root: Dict,
  fault: (problem: string, remedy: string) => Error,
): { path: string[]; dict: Dict } {
  const path: string[] = [];
  let dict = root;
  // Keys may be nested, e.g. model: { state_dict: … }; no script uses more than three levels.
  for (let depth = 0; depth < 3; depth++) {
    const name = usualNames.find((usual) => leadsToWeights(dict.get(usual)));
    const below = name === undefined ? undefined : dict.get(name);
    if (name === undefined || !(below instanceof Map)) break;
    path.push(name);
    dict = below;
  }
  if (isStateDict(dict)) return { path, dict };
  const candidates = [...dict].filter(([key, value]) => typeof key === "string" && isStateDict(value));
  const [only] = candidates;
  if (only !== undefined && candidates.length === 1 && only[1] instanceof Map)
    return { path: [...path, keyText(only[0])], dict: only[1] };
  if (candidates.length === 0)
    throw fault(
      `does not contain a state dict; it has ${listed(dict)}`,
      'Save one in Python: torch.save(model.state_dict(), "weights.pth").',
    );
  const names = candidates.map(([key]) => keyText(key)).join(", ");
  throw fault(
    `holds several state dicts: ${names}`,
    `Save one of them in Python: torch.save(torch.load(FILE)["${keyText(only?.[0] ?? null)}"], "weights.pth").`,
  );
}

function isStateDict(value: PickleValue | undefined): boolean {
  if (!(value instanceof Map)) return false;
  for (const [key, inner] of value) if (typeof key === "string" && inner instanceof StoredTensor) return true;
  return false;
}

function leadsToWeights(value: PickleValue | undefined): boolean {
  return (
    isStateDict(value) || (value instanceof Map && usualNames.some((name) => isStateDict(value.get(name))))
  );
}

/** All entries beside the path to the weights. */
function* entriesBeside(root: Dict, path: readonly string[]): Iterable<OtherEntry> {
  let dict: PickleValue | undefined = root;
  for (const [depth, name] of path.entries()) {
    if (!(dict instanceof Map)) return;
    for (const [key, value] of dict)
      if (key !== name) yield entry([...path.slice(0, depth), keyText(key)], value);
    dict = dict.get(name);
  }
}

function* scalars(root: Dict): Iterable<[string, string]> {
  for (const [key, value] of root) {
    const plain = typeof value === "number" || typeof value === "bigint" || typeof value === "boolean";
    if (typeof key !== "string" || key.length > mostShown) continue;
    if (plain || (typeof value === "string" && value.length <= mostShown)) yield [key, String(value)];
  }
}

const entry = (path: readonly string[], value: PickleValue): OtherEntry => ({
  name: path.join("."),
  value: valueText(value),
});
const keyText = (key: PickleValue): string =>
  typeof key === "string" ? key.slice(0, mostShown) : valueText(key);
const listed = (dict: Dict): string =>
  dict.size === 0
    ? "no entries"
    : `${[...dict.keys()].slice(0, 8).map(keyText).join(", ")}${dict.size > 8 ? ", …" : ""}`;
