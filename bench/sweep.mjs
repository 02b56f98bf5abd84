/**
 * What a sweep costs beside its trainings: node bench/sweep.mjs [list] [dispatch] [crowd]   (default: all three)
 *
 * list       10 000 trials of a random search: begun, drawn, queued, listed; seconds and memory
 * dispatch   no-op trials a second, each a process of its own (/bin/true), by one controller
 * crowd      20 000 simulated trials by 200 processes that stay, and one controller, which leases the trials and hands
 *            them over; some processes are killed before or after their work, and replaced. None may be lost or done twice
 *            (--jobs, --workers and --deaths make it smaller)
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";

const room = (name) => import(new URL(`../packages/pipeline/dist/src/${name}.js`, import.meta.url));
const { LeaseQueue } = await room("queue/lease-queue");
const memory = () => `${Math.round(process.memoryUsage().rss / 1e6)} MB resident`;
/** A machine that does other things, too, takes longer than this. */
const cpu = () =>
  `${(process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6).toFixed(1)} s of CPU so far`;
const print = (name, text) => console.log(`${name.padEnd(14)} ${text}`);
const { values: sizes, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    jobs: { type: "string", default: "20000" },
    workers: { type: "string", default: "200" },
    deaths: { type: "string", default: "100" },
  },
});
/** A process that is told trials, a line each, and answers when it has written that it did one; "die" kills it before or after. */
const WORKER = `while read -r trial end; do
  [ "$end" = early ] && kill -9 $$
  echo "$trial $$" >> "$0"
  [ "$end" = late ] && kill -9 $$
  echo "$trial"
done`;

const parts = { list, dispatch, crowd };
const chosen = positionals.length === 0 ? Object.keys(parts) : positionals;
for (const name of chosen) await inFolder(parts[name]);

async function inFolder(part) {
  const folder = mkdtempSync(join(tmpdir(), "slicestack-bench-"));
  try {
    await part(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function list(folder, count = 10_000) {
  const { generatePhantoms, prepare } = await room("index");
  const { labels } = await generatePhantoms({
    destination: join(folder, "scans"),
    subjects: 20,
    seed: 3,
    size: 32,
    minimum: 4,
    workers: 1,
  });
  const data = join(folder, "data");
  await prepare({
    source: join(folder, "scans"),
    destination: data,
    labels,
    size: [16, 16],
    depth: 8,
    workers: 1,
    name: "bench",
  });
  const file = join(folder, "sweep.yaml");
  const space =
    "{slice.learning_rate: {float: [0.0001, 0.1], log: true}, head.model: [attention, mean, max]}";
  writeFileSync(file, `name: bench\nspace: ${space}\nsearch: random\nbudget: {points: ${count}}\n`);
  const [{ beginSweep }, { addTrials }, { statusOf }] = await Promise.all([
    room("sweep/begin"),
    room("sweep/local/trial-jobs"),
    room("sweep/status"),
  ]);
  const before = process.cpuUsage();
  const clock = stopwatch();
  const sweep = await beginSweep(file, { data, out: join(folder, "sweep") });
  sweep.propose([], Infinity);
  const drawn = clock();
  const queue = LeaseQueue.open(sweep.paths.queue);
  addTrials(queue, sweep.trials, { method: "2.5d", needs: { cpus: 1 }, attempts: 3, shares: true });
  const queued = clock();
  const { trials, counts } = statusOf(sweep, queue);
  const listed = clock();
  print(
    `${trials} trials`,
    `drawn in ${drawn} s, queued in ${queued} s (${counts.queued} wait), listed in ${listed} s`,
  );
  const { user, system } = process.cpuUsage(before);
  const all = (Number(drawn) + Number(queued) + Number(listed)).toFixed(2);
  print("", `${all} s in all, of which ${((user + system) / 1e6).toFixed(1)} s of CPU; ${memory()}`);
}

async function dispatch(folder, count = 1000) {
  const [{ JobPool }, { Resources }, { GpuPool }] = await Promise.all([
    room("sweep/local/job-pool"),
    room("sweep/local/resources"),
    room("sweep/local/gpus"),
  ]);
  const queue = LeaseQueue.open(join(folder, "queue.sqlite"));
  queue.add(Array.from({ length: count }, (_, k) => ({ key: `trial ${k}`, payload: k, needs: { cpus: 1 } })));
  for (const slots of [2, 8]) {
    const before = queue.counts().done;
    const goal = before + count / 2 - 50;
    const pool = new JobPool({
      queue,
      resources: new Resources({ slots, cpus: slots, memory: 1e12 }, new GpuPool()),
      work: {
        command: () => ({ words: ["/bin/true"] }),
        judge: (_, exit) =>
          exit?.code === 0 ? { is: "done", result: null } : { is: "failed", error: "it did not run" },
      },
    });
    const clock = stopwatch();
    while (queue.counts().done < goal) {
      pool.round();
      if (pool.leases.length > 0) await pool.wait(100);
    }
    const seconds = Number(clock());
    await pool.stop();
    print(
      `${slots} slots`,
      `${Math.round((goal - before) / seconds)} no-op trials a second, each a process (${cpu()})`,
    );
  }
}

async function crowd(folder) {
  const [jobs, workers, deaths] = [sizes.jobs, sizes.workers, sizes.deaths].map(Number);
  const { childProcess } = await room("data/lock-owner");
  const queue = LeaseQueue.open(join(folder, "queue.sqlite"));
  queue.add(Array.from({ length: jobs }, (_, k) => ({ key: `trial ${k}`, payload: k })));
  const log = join(folder, "done");
  const idle = new Set();
  const held = new Map();
  let [killed, most] = [0, 0];
  let isOver = false;
  const start = () => {
    const child = spawn("/bin/sh", ["-c", WORKER, log], { stdio: ["pipe", "pipe", "inherit"] });
    child.owner = childProcess(child.pid);
    child.stdin.on("error", () => undefined); // it has just been killed
    child.stdout.on("data", () => child.told());
    child.on("exit", () => {
      idle.delete(child);
      held.delete(child);
      if (isOver) return;
      killed++;
      start();
    });
    idle.add(child);
  };
  const clock = stopwatch();
  for (let k = 0; k < workers; k++) start();
  const finished = [];
  while (queue.counts().done < jobs) {
    // What a killed process held is not given back by this one, which could be killed as well: the queue finds it out.
    queue.reclaim();
    queue.together(() => {
      for (const [token, key] of finished.splice(0)) queue.complete(token, key);
      const free = [...idle];
      for (const { key, payload, token } of queue.lease({ most: free.length })) {
        const child = free.shift();
        queue.handOver(token, child.owner);
        idle.delete(child);
        held.set(child, token);
        child.told = () => {
          held.delete(child);
          finished.push([token, key]);
          idle.add(child);
        };
        const dies =
          killed + [...held.keys()].filter((one) => one.dies).length < deaths &&
          Math.random() < (2 * deaths) / jobs;
        child.dies = dies;
        const end = dies ? (Math.random() < 0.5 ? "early" : "late") : "";
        child.line = `${payload} ${end}\n`;
      }
    });
    most = Math.max(most, held.size);
    for (const child of held.keys()) {
      if (child.line !== null) child.stdin.write(child.line);
      child.line = null;
    }
    await pause(20);
  }
  const seconds = Number(clock());
  isOver = true;
  for (const child of [...idle, ...held.keys()]) child.kill("SIGKILL");
  const histories = queue.list().map(({ key, result }) => ({ key, result, attempts: queue.attempts(key) }));
  const lost = histories.filter(({ key, result }) => result !== key).length;
  const isTwice = ({ attempts }) =>
    attempts.some(({ started }, k) => k > 0 && (attempts[k - 1].ended ?? Infinity) > started) ||
    attempts.filter(({ outcome }) => outcome === "done").length !== 1;
  const twice = histories.filter(isTwice).length;
  const written = new Set(
    readFileSync(log, "utf8")
      .trim()
      .split("\n")
      .map((line) => line.split(" ")[0]),
  );
  print(`${jobs} trials`, `${workers} processes, at most ${most} busy at once, in ${seconds} s (${cpu()})`);
  print(
    "",
    `${killed} processes killed and replaced; ${jobs - written.size + lost} trials lost, ${twice} done twice or by two at once`,
  );
  if (lost > 0 || twice > 0 || written.size < jobs || killed < deaths / 2) process.exitCode = 1;
}

/** Seconds since the last call. */
function stopwatch() {
  let last = performance.now();
  return () => {
    const seconds = (performance.now() - last) / 1000;
    last = performance.now();
    return seconds.toFixed(2);
  };
}
