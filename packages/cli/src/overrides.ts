import { UsageError } from "./exit-codes.js";

/** Configuration keys outside a section: `train` accepts them as separate flags. */
export const PLAIN_KEYS = [
  "name",
  "method",
  "seed",
  "device",
  "threads",
  "precision",
  "overfit",
  "relaunch",
  "checkpoint",
  "init_from",
];

/**
 * Keys of published flat files, which are accepted together with such a file (docs/how-to/from-the-published-code.md).
 */
export const FLAT_KEYS = [
  "batch_size",
  "class_mapping",
  "classes_to_include",
  "dataset_id",
  "dropout",
  "exp_name",
  "learning_rate",
  "model",
  "no_transform",
  "num_epochs",
  "weighted",
];

/** Commands that accept configuration keys. */
const TAKE_KEYS = new Set(["train", "demo", "import", "evaluate"]);

/** Those of them that also accept plain keys; not `evaluate`, whose option --checkpoint has the name of a key. */
const PLAIN_TOO = new Set(["train", "import"]);

const DOTTED = /^--([a-z][a-z_]*\.[a-z0-9_.]+)(?:=([^]*))?$/i;
const FLAT = new RegExp(`^--(${FLAT_KEYS.join("|")})(?:=([^]*))?$`);
const PLAIN = new RegExp(`^--(${PLAIN_KEYS.join("|")})(?:=([^]*))?$`);

/**
 * Rewrites `--slice.epochs 3` (and `--seed 3` for train) as `--set slice.epochs=3`, which commander can parse
 * although the keys are not declared as options.
 * @throws UsageError where a flag lacks its value
 */
export function rewriteOverrides(argv: readonly string[]): string[] {
  const command = argv.find((argument) => !argument.startsWith("-"));
  if (command === undefined || !TAKE_KEYS.has(command)) return [...argv];
  const rewritten: string[] = [];
  for (let index = 0; index < argv.length; index++) {
    const argument = argv[index]!;
    if (argument === "--") return [...rewritten, ...argv.slice(index)];
    const flat = command === "demo" ? null : FLAT.exec(argument);
    const match = DOTTED.exec(argument) ?? flat ?? (PLAIN_TOO.has(command) ? PLAIN.exec(argument) : null);
    if (!match) {
      rewritten.push(argument);
      continue;
    }
    const value = match[2] ?? argv[++index];
    if (value === undefined || (match[2] === undefined && value.startsWith("--")))
      throw new UsageError(`--${match[1]}: expected a value, e.g. --${match[1]} VALUE`);
    rewritten.push("--set", `${match[1]}=${value}`);
  }
  return rewritten;
}

/** Commander's collector of `--set key=value`; the last one wins. */
export function collectOverride(text: string, previous: Record<string, string> = {}): Record<string, string> {
  const equals = text.indexOf("=");
  if (equals < 1) throw new UsageError(`--set: expected KEY=VALUE, e.g. slice.epochs=3, received ${text}`);
  return { ...previous, [text.slice(0, equals)]: text.slice(equals + 1) };
}
