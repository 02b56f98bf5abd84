/** A word as a POSIX shell takes it: quoted only where it must be. */
export const shellWord = (word: string): string =>
  /^[\w./=,:@+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

const COMMAND = /(?<![\w./@-]|npx )slicestack (?=[a-z][a-z-]+(?:\s|$))/g;

/** Commands in a message as this program was started: in a checkout that is `npx slicestack`, and `slicestack` is not found. */
export function asStarted(text: string, env: NodeJS.ProcessEnv = process.env): string {
  return env["npm_command"] === "exec" ? text.replaceAll(COMMAND, "npx slicestack ") : text;
}
