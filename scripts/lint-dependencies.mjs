/**
 * Each dependency of every package.json must be listed in docs/explanation/dependencies.md, as a table row
 * `| name | ... |` with the pinned version, and each row there must still be a dependency.
 */
import { readdirSync, readFileSync } from "node:fs";

const page = "docs/explanation/dependencies.md";
const manifests = ["package.json", ...readdirSync("packages").map((name) => `packages/${name}/package.json`)];

const used = new Map(); // name -> version
for (const path of manifests) {
  const manifest = JSON.parse(readFileSync(path, "utf8"));
  // A peer dependency is a range; the tested version is among the development dependencies.
  const { dependencies, devDependencies, optionalDependencies } = manifest;
  for (const [name, version] of Object.entries({
    ...dependencies,
    ...devDependencies,
    ...optionalDependencies,
  })) {
    if (!name.startsWith("@slicestack/") && name !== "slicestack") used.set(name, { version, path });
  }
}

const rows = readFileSync(page, "utf8").matchAll(/^\| `([^`]+)` \| ([^|]+?) \| ([^|]+?) \| ([^|]+?) \|$/gm);
const documented = new Map([...rows].map(([, name, version]) => [name, version]));

const troubles = [];
for (const [name, { version, path }] of used) {
  if (!documented.has(name))
    troubles.push(`${path}: ${name} has no row in ${page} (name, version, licence, reason)`);
  else if (documented.get(name) !== version) {
    troubles.push(`${path}: ${name} is pinned to ${version}, ${page} says ${documented.get(name)}`);
  }
  if (!/^\d+\.\d+\.\d+/.test(version))
    troubles.push(`${path}: ${name} must be pinned to an exact version, not ${version}`);
}
for (const name of documented.keys()) {
  if (!used.has(name)) troubles.push(`${page}: ${name} is no longer in any package.json: remove its row`);
}
for (const trouble of troubles) console.error(trouble);
process.exitCode = troubles.length > 0 ? 1 : 0;
