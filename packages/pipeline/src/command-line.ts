/** Quotes commands in messages for a shell, with paths relative to the current folder, so that they can be run as they are. */
import { isAbsolute, relative, sep } from "node:path";

/** Quotes a word for a POSIX shell, only if necessary; bash and zsh read control characters from $'…'. */
export function shellWord(word: string): string {
  if (/^[\w./=,:@+-]+$/.test(word)) return word;
  if (!CONTROL.test(word)) return `'${word.replaceAll("'", "'\\''")}'`;
  return `$'${word.replace(/['\\]/g, "\\$&").replace(new RegExp(CONTROL, "g"), octal)}'`;
}

/** Makes a path below the current folder relative to it; any other path is unchanged. */
export function shownPath(path: string): string {
  if (!isAbsolute(path)) return path;
  const near = relative(process.cwd(), path);
  return near === "" || near === ".." || near.startsWith(`..${sep}`) || isAbsolute(near) ? path : near;
}

/** Quotes a path as a word of a command; a leading dash does not turn it into an option. */
export function pathWord(path: string): string {
  const shown = shownPath(path);
  return shellWord(shown.startsWith("-") ? `.${sep}${shown}` : shown);
}

// eslint-disable-next-line no-control-regex -- the expression searches for control characters
const CONTROL = /[\u0000-\u001f\u007f]/;
const octal = (character: string): string => `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`;
