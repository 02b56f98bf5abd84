/**
 * Builds the viewer's page into packages/viewer/dist/site, if a source is newer than the page. Needs no network.
 * Run by scripts/setup.sh after the compiler, and by the tests that open the page.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const root = join(import.meta.dirname, "..");
const viewer = join(root, "packages/viewer");
const site = join(viewer, "dist/site");
const sources = [
  "packages/viewer/src",
  "packages/viewer/public",
  "packages/viewer/index.html",
  "packages/viewer/offline-worker.js",
  "packages/viewer/vite.config.mjs",
  "packages/volume/dist/src",
  "packages/stats/dist/src",
  "package-lock.json",
];

/** @returns {Promise<boolean>} whether it had to be built */
export async function buildViewer() {
  const page = join(site, "index.html");
  const isNewer = (path) => statSync(path).mtimeMs > statSync(page).mtimeMs;
  if (existsSync(page) && !sources.flatMap((path) => pathsOf(join(root, path))).some(isNewer)) return false;
  const { build } = await import("vite");
  const [made, old] = [`${site}.${process.pid}`, `${site}.${process.pid}.old`];
  try {
    await build({ root: viewer, logLevel: "warn", build: { outDir: made, emptyOutDir: true } });
    mkdirSync(join(viewer, "dist"), { recursive: true });
    if (existsSync(site)) renameSync(site, old);
    renameSync(made, site);
  } catch (error) {
    // Another build, which ran at the same time, may have moved the page, or put its own there.
    if (!["ENOENT", "ENOTEMPTY", "EEXIST"].includes(error.code) || !existsSync(page)) throw error;
  } finally {
    rmSync(old, { recursive: true, force: true });
    rmSync(made, { recursive: true, force: true });
  }
  return true;
}

/** With the folders, whose time says that a file was deleted. */
function pathsOf(path) {
  if (!statSync(path).isDirectory()) return [path];
  return [path, ...readdirSync(path, { recursive: true }).map((name) => join(path, name))];
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href)
  console.log(`slicestack: viewer: ${(await buildViewer()) ? "built" : "up to date"}`);
