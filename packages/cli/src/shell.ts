// Imported from the pipeline without loading the rest of it.
export { pathWord, shellWord, shownPath } from "@slicestack/pipeline/internal/command-line";

const COMMAND = /(?<![\w./@-]|npx )slicestack (?=[a-z][a-z-]+(?:[\s),;:.]|$))/g;

/**
 * Shows commands in a message the way this program was started: in a checkout that is `npx slicestack`, where
 * `slicestack` would not be found.
 */
export function asStarted(text: string, env: NodeJS.ProcessEnv = process.env): string {
  return env["npm_command"] === "exec" ? text.replaceAll(COMMAND, "npx slicestack ") : text;
}
