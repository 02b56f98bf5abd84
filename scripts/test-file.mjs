/** Runs one test file in its own process through node:test and counts its leaf tests. */
import { run } from "node:test";
import { inspect } from "node:util";

/**
 * @typedef {{ name: string, text: string }} Failure
 * @typedef {{ name: string, reason: string }} Skip
 * @typedef {{ passed: number, failures: Failure[], skips: Skip[], output: string, seconds: number }} FileResult
 */

/** @param {string} file absolute path   @param {number} timeoutSeconds for the whole file   @returns {Promise<FileResult>} */
export async function runTestFile(file, timeoutSeconds) {
  const started = performance.now();
  const tally = new Tally(file);
  for await (const event of run({ files: [file], concurrency: 1, timeout: timeoutSeconds * 1000 }))
    tally.add(event);
  return { ...tally.finish(), seconds: (performance.now() - started) / 1000 };
}

class Tally {
  passed = 0;
  failures = [];
  skips = [];
  output = "";
  #file;
  #path = []; // names of the running tests, by nesting
  #children = []; // number of tests reported so far below the open test of each nesting
  #unfinished = new Map(); // "nesting name" -> tests queued and not ended
  #ownError; // the error with which the process of the file ended

  constructor(file) {
    this.#file = file;
  }

  add({ type, data }) {
    if (type === "test:stdout" || type === "test:stderr") this.output += data.message;
    else if (data.name === this.#file && data.nesting === 0) this.#ownError ??= data.details?.error;
    else if (type === "test:enqueue") this.#queue(data, 1);
    else if (type === "test:complete") this.#queue(data, -1);
    else if (type === "test:start") this.#path.splice(data.nesting, Infinity, data.name);
    else if (type === "test:pass" || type === "test:fail") this.#report(data, type === "test:fail");
  }

  finish() {
    const { passed, failures, skips, output } = this;
    const trouble = this.#fileTrouble();
    if (trouble !== undefined) failures.push({ name: "the file itself", text: trouble });
    return { passed, failures, skips, output };
  }

  #queue({ nesting, name }, change) {
    const key = `${nesting} ${name}`;
    const count = (this.#unfinished.get(key) ?? 0) + change;
    if (count === 0) this.#unfinished.delete(key);
    else this.#unfinished.set(key, count);
  }

  // Children are reported before their parent, so the count below a test is complete when the test itself comes.
  #report({ nesting, name, skip, todo, details }, failed) {
    const isLeaf = details.type !== "suite" && !this.#children[nesting + 1];
    this.#children[nesting + 1] = 0;
    this.#children[nesting] = (this.#children[nesting] ?? 0) + 1;
    const fullName = [...this.#path.slice(0, nesting), name].join(" > ");
    const error = details.error;
    if (skip !== undefined) this.skips.push({ name: fullName, reason: reasonOf(skip) });
    else if (todo !== undefined && isLeaf)
      this.skips.push({ name: fullName, reason: `todo: ${reasonOf(todo)}` });
    else if (failed && error?.failureType !== "subtestsFailed") {
      this.failures.push({ name: fullName, text: describeError(error) });
    } else if (!failed && isLeaf) this.passed++;
  }

  #fileTrouble() {
    const error = this.#ownError;
    const open = [...this.#unfinished.keys()].map((key) => key.slice(key.indexOf(" ") + 1));
    const notEnded =
      open.length === 0
        ? ""
        : `; ${open.length} ${open.length === 1 ? "test" : "tests"} never ended, the first: ${open[0]}`;
    if (error?.signal) return `the process was killed by ${error.signal}${notEnded}`;
    if (error?.failureType === "testTimeoutFailure") return `${describeError(error)}${notEnded}`;
    if (error && error.failureType !== "subtestsFailed")
      return `the process ended with code ${error.exitCode}${notEnded}`;
    if (open.length > 0) return `the process ended early${notEnded}`;
    if (this.passed + this.failures.length + this.skips.length === 0) return "the file has no tests";
    return undefined;
  }
}

const reasonOf = (flag) => (typeof flag === "string" && flag !== "" ? flag : "no reason given");

function describeError(error) {
  const cause = error?.cause ?? error;
  return cause instanceof Error
    ? (cause.stack ?? cause.message)
    : typeof cause === "string"
      ? cause
      : inspect(cause);
}
