/** The commit of the checkout that this code runs from. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** An installed package lies in node_modules, in whatever repository that is; a checkout has .git at its root. */
const ROOT = fileURLToPath(new URL("../../../../../", import.meta.url));
const TIMEOUT_MS = 10_000;
let known: string | null | undefined;

/** The entry `commit` of what was computed with this code; none where it was installed, or Git is missing. */
export function codeVersion(): { commit?: string } {
  if (known === undefined) known = commitOf(ROOT);
  return known === null ? {} : { commit: known };
}

/**
 * @param root the root of a checkout
 * @returns the hash of its commit, with "-dirty" if a tracked file differs from it; null if it is not a checkout
 */
export function commitOf(root: string): string | null {
  if (!existsSync(join(root, ".git"))) return null;
  try {
    const commit = git(root, "rev-parse", "HEAD");
    const isDirty = git(root, "status", "--porcelain", "--untracked-files=no") !== "";
    return isDirty ? `${commit}-dirty` : commit;
  } catch {
    return null;
  }
}

function git(root: string, ...args: string[]): string {
  // The variables of a hook or an alias would name another repository.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("GIT_")));
  // A job on a cluster may run as another user than the owner; nothing is written, not even the index.
  const options = ["-c", "safe.directory=*", "--no-optional-locks", "-C", root];
  const stdio: ["ignore", "pipe", "ignore"] = ["ignore", "pipe", "ignore"];
  return execFileSync("git", [...options, ...args], {
    env,
    stdio,
    encoding: "utf8",
    timeout: TIMEOUT_MS,
  }).trim();
}
