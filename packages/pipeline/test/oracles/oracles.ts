/** The Python of `make test-oracles`, which has the newest PyTorch that the addon builds against, and its friends. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const python = process.env["SLICESTACK_ORACLES"];

/** For `test(name, { skip: withoutOracles }, …)`: false where the oracles are there. */
export const withoutOracles =
  python === undefined ? "Python index: packages from it are needed; make test-oracles installs them" : false;

/** Runs a script that stands beside its test. @returns what it prints, read as JSON */
export function askOracle<T>(script: string, ...given: string[]): T {
  // This file runs from packages/pipeline/dist/test/oracles; scripts are not compiled.
  const path = join(fileURLToPath(new URL("../../../test/oracles/", import.meta.url)), script);
  const { PATH = "" } = process.env;
  const env = { PATH, PYTHONDONTWRITEBYTECODE: "1", OMP_NUM_THREADS: "1" };
  return JSON.parse(
    execFileSync(python!, [path, ...given], { encoding: "utf8", env, maxBuffer: 1 << 26 }),
  ) as T;
}
