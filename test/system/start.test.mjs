/** What a command loads before it works, counted in modules: time differs between machines, the number of files does not. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";

const folder = mkdtempSync(join(tmpdir(), "slicestack-start-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const hooks = join(folder, "hooks.mjs");
writeFileSync(
  hooks,
  `import { appendFileSync } from "node:fs";
export async function load(url, context, next) {
  appendFileSync(process.env.LOADED, url + "\\n");
  return next(url, context);
}
`,
);
const register = join(folder, "register.mjs");
writeFileSync(
  register,
  `import { register } from "node:module"; register(${JSON.stringify(pathToFileURL(hooks).href)});`,
);

let runs = 0;
/** The modules that a program loads, in all of its threads. */
function loadedBy(...args) {
  const log = join(folder, `${++runs}.txt`);
  writeFileSync(log, "");
  execFileSync(process.execPath, ["--import", pathToFileURL(register).href, ...args], {
    cwd: "packages/cli",
    env: { ...process.env, LOADED: log },
    stdio: "ignore",
  });
  return readFileSync(log, "utf8").trim().split("\n");
}
/** From the folder of a package that depends on it. */
const importing = (entry) => loadedBy("--input-type=module", "-e", `await import(${JSON.stringify(entry)})`);
const among = (loaded, pattern) => loaded.filter((url) => pattern.test(url));

test("the help loads the command line and nothing of the engine, the volumes or the statistics", () => {
  const loaded = loadedBy("bin/slicestack.js", "--help");
  assert.ok(loaded.length > 20 && loaded.length < 100, `${loaded.length} modules`);
  assert.deepEqual(among(loaded, /packages\/(torch|volume|stats)\/|node_modules\/(zod|yaml)\//), []);
});

test("the thread of a prediction starts before readers, schemas and models are loaded", () => {
  const loaded = importing("@slicestack/pipeline/internal/scan-session");
  assert.ok(loaded.length < 40, `${loaded.length} modules`);
  assert.deepEqual(
    among(loaded, /node_modules\/(zod|yaml)\/|volume\/dist\/src\/index|pipeline\/dist\/src\/models/),
    [],
  );
});

test("what only some predictions need is loaded when it is needed: archives, tables, distributions, DICOM objects", () => {
  const loaded = importing("@slicestack/pipeline/internal/predict");
  assert.ok(among(loaded, /scan-predictor/).length === 1 && loaded.length < 520, `${loaded.length} modules`);
  const later =
    /@stdlib|zip\.js\/zip\.js|node_modules\/csv-|tinyglobby|dicom-out\/dicom-folder|pipeline\/dist\/src\/explain\//;
  assert.deepEqual(among(loaded, later), []);
});

test("models loads the components and no readers, statistics, reports or sweeps", () => {
  const loaded = loadedBy("bin/slicestack.js", "models");
  assert.ok(
    among(loaded, /models\/catalogue/).length === 1 && loaded.length < 360,
    `${loaded.length} modules`,
  );
  const others = /(volume|stats)\/dist\/src\/index|pipeline\/dist\/src\/(report|sweep|evaluate|data)\//;
  assert.deepEqual(among(loaded, others), []);
});
