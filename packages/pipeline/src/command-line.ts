/** Commands in messages that a person can give as they stand: quoted for a shell, with paths as seen from here. */
import { isAbsolute, relative, sep } from "node:path";

/** A word as a POSIX shell takes it: quoted only where it must be; bash and zsh read control characters from $'…'. */
export function shellWord(word: string): string {
  if (/^[\w./=,:@+-]+$/.test(word)) return word;
  if (!CONTROL.test(word)) return `'${word.replaceAll("'", "'\\''")}'`;
  return `$'${word.replace(/['\\]/g, "\\$&").replace(new RegExp(CONTROL, "g"), octal)}'`;
}

/** A path below the current folder as seen from there, any other as it is. */
export function shownPath(path: string): string {
  if (!isAbsolute(path)) return path;
  const near = relative(process.cwd(), path);
  return near === "" || near === ".." || near.startsWith(`..${sep}`) || isAbsolute(near) ? path : near;
}

/** A path as a word of a command, which no leading dash turns into an option. */
export function pathWord(path: string): string {
  const shown = shownPath(path);
  return shellWord(shown.startsWith("-") ? `.${sep}${shown}` : shown);
}

// eslint-disable-next-line no-control-regex -- it is control characters that are looked for
const CONTROL = /[\u0000-\u001f\u007f]/;
const octal = (character: string): string => `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`;
