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
  if (existsSync(page) && !sources.flatMap((path) => filesOf(join(root, path))).some(isNewer)) return false;
  const { build } = await import("vite");
  const made = `${site}.${process.pid}`;
  try {
    await build({ root: viewer, logLevel: "warn", build: { outDir: made, emptyOutDir: true } });
    mkdirSync(join(viewer, "dist"), { recursive: true });
    rmSync(site, { recursive: true, force: true });
    renameSync(made, site);
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
  return true;
}

function filesOf(path) {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href)
  console.log(`slicestack: viewer: ${(await buildViewer()) ? "built" : "up to date"}`);
