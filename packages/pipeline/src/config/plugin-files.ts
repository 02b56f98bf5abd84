/** The files of a plug-in: which ones its hash covers, and how a run names it, so that both can be moved together. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, extname, isAbsolute, join, relative, resolve, sep } from "node:path";

/** A text in quotes that begins with ./ or ../, up to a query. */
const RELATIVE = /(["'`])(\.{1,2}\/[^"'`\n?#]*)[^"'`\n]*\1/g;
/** Files that can name others. The rest is hashed, but not read for names. */
const CODE = new Set([".js", ".mjs", ".cjs"]);
/** What Node adds to the name in a require(). */
const ENDINGS = ["", ".js", ".cjs", ".json", "/index.js"];

/**
 * The module and every file that it names by a path relative to itself, and so on: imports, `import()`, `require()`,
 * `new URL("./table.json", import.meta.url)`. Any quoted path of a file that exists counts, wherever in the text it stands,
 * so that no import is missed; a path that the code puts together while it runs is not seen, nor are other packages.
 * @returns real paths, the module first
 */
export function filesOfPlugin(module: string): string[] {
  const files = new Set([realpathSync(module)]);
  for (const file of files) {
    if (!CODE.has(extname(file))) continue;
    for (const [, , path] of readFileSync(file, "utf8").matchAll(RELATIVE)) {
      const named = ENDINGS.map((ending) => resolve(dirname(file), `${path}${ending}`)).find(isFile);
      if (named !== undefined) files.add(realpathSync(named));
    }
  }
  return [...files];
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
const sha256 = (data: Uint8Array | string): string => createHash("sha256").update(data).digest("hex");

/** SHA-256 of a module that names no other file; else of the paths, relative to it, and the hashes of all its files. */
export function hashOfPlugin(module: string): string {
  const [first = module, ...others] = filesOfPlugin(module);
  const hashOfFirst = sha256(readFileSync(first));
  if (others.length === 0) return hashOfFirst;
  const lines = others.map(
    (file) => `${portable(relative(dirname(first), file))} ${sha256(readFileSync(file))}`,
  );
  return sha256([hashOfFirst, ...lines.sort()].join("\n"));
}

const portable = (path: string): string => path.split(sep).join("/");
const real = (path: string): string => (existsSync(path) ? realpathSync(path) : resolve(path));

/** How a file in `folder` names a plug-in: by its path relative to the folder. */
export function storedPlugin(file: string, folder: string): string {
  const path = portable(relative(real(folder), real(file)));
  return isAbsolute(path) || path.startsWith("../") ? path : `./${path}`;
}

/** The plug-in that a file in `folder` names, as an absolute path; runs of earlier versions name it by one. */
export const findStoredPlugin = (stored: string, folder: string): string =>
  isAbsolute(stored) ? stored : real(join(real(folder), stored));
