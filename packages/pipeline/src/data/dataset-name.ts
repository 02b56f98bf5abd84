/** Checks names of data sets, which become names of folders and appear in reports. */
import { PrepareError } from "./errors.js";

/** @throws PrepareError for a name that is a path, is empty or too long, or holds control characters */
export function checkedName(name: string): string {
  const isPlain = /^[^/\\\p{Cc}\p{Zl}\p{Zp}]+$/u.test(name) && name.trim() !== "" && !/^\.{1,2}$/.test(name);
  if (isPlain && Buffer.byteLength(name) <= 200) return name;
  throw new PrepareError(
    `the name ${JSON.stringify(name)}: expected 1 to 200 characters without a slash or a control character`,
    "Choose another with --name.",
  );
}
