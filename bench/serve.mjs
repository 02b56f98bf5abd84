/**
 * A server under load, with clients in processes of their own: latency at a rate that it can hold, answers at ten times as
 * many clients, and predictions while its workers are killed. Linux only, as it finds the workers in /proc.
 *
 *   node bench/serve.mjs [steady] [overload] [kills] [--seconds 10] [--clients 4] [--together 4] [--long]
 *
 * --long   60 seconds, and 200 clients in `overload`
 */
import { fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { generatePhantoms, loadConfig, prepare, train } from "@slicestack/pipeline";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: "string" },
    clients: { type: "string", default: "4" },
    together: { type: "string", default: "4" },
    long: { type: "boolean", default: false },
  },
});
const KILLS = 20;
const QUEUE = 40;

/** A client: sends one upload after another until its time is over, then tells the statuses and milliseconds of each. */
async function client([url, scan, milliseconds, loops, waits]) {
  const body = new Uint8Array(readFileSync(scan));
  const headers = { "content-type": "application/octet-stream", ...(waits ? { prefer: "wait=120" } : {}) };
  const until = performance.now() + milliseconds;
  const answers = [];
  const loop = async () => {
    while (performance.now() < until) {
      const start = performance.now();
      try {
        const response = await globalThis.fetch(`${url}/v1/predictions`, { method: "POST", headers, body });
        const { id, state } = await response.json();
        answers.push({ status: response.status, milliseconds: performance.now() - start, id, state });
      } catch (error) {
        answers.push({ status: String(error.cause?.code ?? error), milliseconds: performance.now() - start });
      }
    }
  };
  await Promise.all(Array.from({ length: loops }, loop));
  process.send(answers, () => process.exit(0));
}

/** @returns the answers of `count` clients, in at most four processes */
async function load({ url, scan }, { seconds, count, waits }) {
  const processes = Math.min(4, count);
  const all = Array.from({ length: processes }, async (_, k) => {
    const loops = Math.floor(count / processes) + (k < count % processes ? 1 : 0);
    const child = fork(fileURLToPath(import.meta.url), {
      env: { ...process.env, SERVE_BENCH_CLIENT: JSON.stringify([url, scan, seconds * 1000, loops, waits]) },
    });
    const [answers] = await once(child, "message");
    return answers;
  });
  return (await Promise.all(all)).flat();
}

const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];

function print(name, answers, seconds) {
  const counts = [...new Set(answers.map(({ status }) => status))].map(
    (status) => `${status}: ${answers.filter((one) => one.status === status).length}`,
  );
  const times = answers.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b);
  const rate = (answers.length / seconds).toFixed(1);
  const [p50, p99] = [0.5, 0.99].map((q) => quantile(times, q).toFixed(0));
  console.log(`${name}: ${rate} answers/s (${counts.join(", ")}), p50 ${p50} ms, p99 ${p99} ms`);
}

async function trained(folder) {
  const scans = join(folder, "scans");
  const sizes = { counts: [9, 9, 0, 0, 0], seed: 4, size: 32, workers: 1 };
  const { labels } = await generatePhantoms({ destination: scans, ...sizes });
  const data = join(folder, "data");
  await prepare({ source: scans, destination: data, labels, size: [32, 32], depth: 6, workers: 1 });
  const file = join(folder, "small.yaml");
  writeFileSync(
    file,
    "name: small\nthreads: 1\nslice: {model: slice_cnn, epochs: 1}\nhead: {model: attention, epochs: 1}\n",
  );
  await train({ config: loadConfig({ file }), data, out: join(folder, "run") });
  return { run: join(folder, "run"), scan: join(scans, "0001.nii.gz") };
}

async function started({ run, scan }, folder) {
  const cli = fileURLToPath(new URL("../packages/cli/bin/slicestack.js", import.meta.url));
  const args = ["serve", run, "--data", join(folder, "served"), "--port", "0", "--threads", "1", "--json"];
  const limits = ["--queue", String(QUEUE), "--rate", "1000000", "--together", options.together];
  const child = spawn(process.execPath, [cli, ...args, ...limits], { stdio: ["ignore", "pipe", "ignore"] });
  const [line] = await once(createInterface(child.stdout), "line");
  return { child, scan, url: JSON.parse(line).url };
}

/** The processes of the workers, below that of the server, wherever it is. */
function workersBelow(pid) {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
    .trim()
    .split(" ")
    .filter(Boolean);
  return children.flatMap((one) => {
    const command = readFileSync(`/proc/${one}/cmdline`, "utf8");
    return command.includes("worker/worker.js") ? [Number(one)] : workersBelow(one);
  });
}

async function kills(server) {
  const accepted = [];
  const upload = async () => {
    const headers = { "content-type": "application/octet-stream" };
    const body = new Uint8Array(readFileSync(server.scan));
    const response = await globalThis.fetch(`${server.url}/v1/predictions`, {
      method: "POST",
      headers,
      body,
    });
    if (response.status === 202) accepted.push((await response.json()).id);
  };
  for (let kill = 0; kill < KILLS; kill++) {
    await Promise.all([upload(), upload()]);
    let workers = workersBelow(server.child.pid);
    for (; workers.length === 0; workers = workersBelow(server.child.pid)) await wait(50);
    await wait(Math.random() * 50);
    for (const pid of workers) process.kill(pid, "SIGKILL");
    // A prediction may lose its worker once: those that are killed twice fail, so each kill has its own.
    for (const id of accepted.slice(-2)) await ended(server.url, id);
  }
  const states = await Promise.all(accepted.map((id) => ended(server.url, id)));
  const done = states.filter((state) => state === "done").length;
  console.log(`kills: ${KILLS} workers killed, ${done} of ${accepted.length} predictions done`);
}

async function ended(url, id) {
  for (;;) {
    const { state, ended: at } = await (await globalThis.fetch(`${url}/v1/predictions/${id}`)).json();
    if (at !== null) return state;
    await wait(50);
  }
}

async function main() {
  const wants = (name) => positionals.length === 0 || positionals.includes(name);
  const seconds = Number(options.seconds ?? (options.long ? 60 : 10));
  const clients = Number(options.clients);
  const folder = mkdtempSync(join(tmpdir(), "slicestack-bench-serve-"));
  try {
    const server = await started(await trained(folder), folder);
    if (wants("steady"))
      print("steady", await load(server, { seconds, count: clients, waits: true }), seconds);
    if (wants("overload")) {
      const count = options.long ? 200 : 10 * clients;
      print(`overload, ${count} clients`, await load(server, { seconds, count, waits: false }), seconds);
    }
    if (wants("kills")) await kills(server);
    server.child.kill("SIGTERM");
    await once(server.child, "exit");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const given = process.env.SERVE_BENCH_CLIENT;
await (given === undefined ? main() : client(JSON.parse(given)));
