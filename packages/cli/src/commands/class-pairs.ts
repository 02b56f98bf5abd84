import { UsageError } from "../exit-codes.js";

/** Commander's collector of `--map-classes theirs=ours`. */
export function collectPair(text: string, previous: Record<string, string> = {}): Record<string, string> {
  const equals = text.lastIndexOf("=");
  if (equals < 1)
    throw new UsageError(`--map-classes: expected THEIRS=OURS, e.g. sick=CT-1, received ${text}`);
  return { ...previous, [text.slice(0, equals)]: text.slice(equals + 1) };
}
