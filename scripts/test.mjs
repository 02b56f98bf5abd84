/**
 * The test runner of the repository: the compiled tests of every package and test/system, one process per file.
 *
 *   node scripts/test.mjs [--package packages/NAME] [--long]
 *
 * --long   only the files named *.long.test.*, with SLICESTACK_LONG=1; by default they are left out
 * ONLY=PATTERN               a regular expression on the path of the test's source
 * STRICT=1                   a skip counts as a failure, unless its reason begins with one of allowedSkips
 * SLICESTACK_TEST_TIMEOUT    seconds for one file (default 600, with --long 3600)
 *
 * Leaf tests are counted. A suite counts only where it fails itself (in a hook), a file only where it crashes, times
 * out, ends before its tests do, or has no tests. The last line is `N passed, N failed, N skipped`, over all packages.
 */
import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { reachedModules } from "./imports.mjs";
import { runTestFile } from "./test-file.mjs";

const allowedSkips = ["CUDA", "MPS", "Debian 13", "Python index"];
// libtorch and the CLI, which starts it, take the most time, so their files run after the others.
const heavyModules = [
  "@slicestack/torch",
  "@slicestack/pipeline",
  "node:child_process",
  "node:worker_threads",
];

// They wait for a cluster most of the time, so they run one after the other beside the two that compute.
const waitingFiles = /\/slurm-[^/]*\.test\./;

const { values: options } = parseArgs({
  options: { package: { type: "string" }, long: { type: "boolean" } },
});
const strict = process.env.STRICT === "1";
const timeout = Number(process.env.SLICESTACK_TEST_TIMEOUT || (options.long ? 3600 : 600));
if (options.long) process.env.SLICESTACK_LONG = "1";
// Two files run at a time: threads that spin while they wait would take the core of the other file.
process.env.OMP_WAIT_POLICY ??= "passive";
// Failures then name the line of the TypeScript source.
process.env.NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ""} --enable-source-maps`.trim();

/** @returns {{ file: string, source: string, package: string }[]} */
function findTests() {
  const packages = existsSync("packages") ? readdirSync("packages").sort() : [];
  return [
    ...packages.flatMap((name) => filesBelow(`packages/${name}/dist/test`, ".test.js", `packages/${name}`)),
    ...filesBelow("test/system", ".test.mjs", "test/system"),
  ]
    .filter(({ source }) => existsSync(source)) // a compiled test without a source is stale
    .filter(({ source }) => /\.long\.test\./.test(source) === Boolean(options.long))
    .filter((found) => options.package === undefined || found.package === options.package)
    .filter(({ source }) => new RegExp(process.env.ONLY ?? "").test(source));
}

function filesBelow(folder, ending, packageName) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith(ending))
    .sort()
    .map((name) => join(folder, name))
    .map((file) => ({
      file,
      package: packageName,
      source: file.replace("/dist/", "/").replace(/\.js$/, ".ts"),
    }));
}

function isLight(found) {
  if (found.package === "packages/torch" || found.package === "test/system") return false;
  const reached = reachedModules(resolve(found.file));
  return !heavyModules.some((name) => reached.has(name));
}

async function runAll(tests, atOnce) {
  const waiting = [...tests];
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const result = await runTestFile(resolve(next.file), timeout);
      if (strict) failSkips(result);
      Object.assign(next, result);
      printFile(next);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

function failSkips(result) {
  const refused = result.skips.filter(
    ({ reason }) => !allowedSkips.some((start) => reason.startsWith(start)),
  );
  result.skips = result.skips.filter((skip) => !refused.includes(skip));
  for (const { name, reason } of refused)
    result.failures.push({ name, text: `skipped under STRICT=1: ${reason}` });
}

function printFile({ source, passed, failures, skips, seconds, output }) {
  const mark = failures.length > 0 ? "FAIL" : "ok  ";
  console.log(
    `${mark} ${source}  ${sumLine(passed, failures.length, skips.length)}  ${seconds.toFixed(1)} s`,
  );
  for (const { name, text } of failures) console.log(`\n  ✗ ${name}\n${indent(text)}\n`);
  if (failures.length > 0 && output !== "") console.log(`  its output:\n${indent(output.trimEnd())}\n`);
}

const indent = (text) => text.replace(/^/gm, "    ");
const sumLine = (passed, failed, skipped) => `${passed} passed, ${failed} failed, ${skipped} skipped`;
const total = (tests, count) => tests.reduce((sum, test) => sum + count(test), 0);
const sumOf = (tests) =>
  sumLine(
    total(tests, (test) => test.passed),
    total(tests, (test) => test.failures.length),
    total(tests, (test) => test.skips.length),
  );

function printSummary(tests) {
  console.log("");
  for (const name of new Set(tests.map((test) => test.package))) {
    console.log(`${name}: ${sumOf(tests.filter((test) => test.package === name))}`);
  }
  for (const { source, skips } of tests) {
    for (const { name, reason } of skips) {
      console.log(`skipped: ${source}: ${name}: ${reason}${strict ? " (allowed under STRICT=1)" : ""}`);
    }
  }
  for (const { source, failures } of tests)
    for (const { name } of failures) console.log(`failed: ${source}: ${name}`);
}

const tests = findTests();
const slow = tests.filter(({ source }) => waitingFiles.test(source));
const quick = tests.filter((found) => !slow.includes(found));
const light = quick.filter(isLight);
const heavy = quick.filter((found) => !light.includes(found));
await Promise.all([runAll(slow, 1), runAll([...light, ...heavy], 2)]);
printSummary(tests);
if (tests.length === 0)
  console.log("no test file was found: run make build first, or check ONLY and --package");
console.log(`took ${Math.round(performance.now() / 1000)} s`);
console.log(sumOf(tests));
process.exitCode = tests.length === 0 || tests.some((found) => found.failures.length > 0) ? 1 : 0;
