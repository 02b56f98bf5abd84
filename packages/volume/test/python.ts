import { execFileSync } from "node:child_process";

/** Debian's Python, which has the oracles; tests that use it are skipped where a module is missing. */
const PYTHON = "/usr/bin/python3";

/** For a test's `skip`: false, or the reason. */
export function without(...modules: string[]): string | false {
  try {
    execFileSync(PYTHON, ["-c", modules.map((name) => `import ${name}`).join("\n")], { stdio: "ignore" });
    return false;
  } catch {
    return `no ${PYTHON} with ${modules.join(", ")}`;
  }
}

/** Runs a program that prints one JSON value. */
export function python<T>(program: string, ...args: string[]): T {
  const output = execFileSync(PYTHON, ["-c", program, ...args], { encoding: "utf8", maxBuffer: 2 ** 28 });
  return JSON.parse(output) as T;
}
