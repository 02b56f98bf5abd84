/**
 * Runs in a package before and after `npm pack`: copies the licence and, for the pipeline, configs/ into the folder, and
 * removes them again with --clean. Compiled files without a source are removed, so that they are not published.
 */
import { cpSync, existsSync, readdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";

const root = join(import.meta.dirname, "..");
const copies = ["LICENSE", ...(basename(process.cwd()) === "pipeline" ? ["configs"] : [])];

for (const name of copies) rmSync(name, { recursive: true, force: true });
if (!process.argv.includes("--clean")) {
  if (!existsSync("dist/src/index.js")) {
    console.error("pack-files: dist/ is missing: run `make build` first");
    process.exit(1);
  }
  for (const name of copies) cpSync(join(root, name), name, { recursive: true });
  for (const name of readdirSync("dist/src", { recursive: true, encoding: "utf8" })) {
    const [, stem] = /^(.*)\.(?:js|d\.ts)(?:\.map)?$/.exec(name) ?? [];
    const isStale =
      stem !== undefined &&
      !existsSync(join("src", `${stem}.ts`)) &&
      !existsSync(join("src", `${stem}.d.ts`));
    if (isStale) rmSync(join("dist/src", name));
  }
}
