/**
 * What a sweep costs beside its trainings: node bench/sweep.mjs [list] [dispatch] [crowd]   (default: all three)
 *
 * list       10 000 trials of a random search: begun, drawn, queued, listed; seconds and memory
 * dispatch   no-op trials a second, each a process of its own (/bin/true), by one controller
 * crowd      20 000 trials by 200 processes at once and one controller; some are killed, none may be lost or done twice
 *            (--jobs, --workers and --deaths make it smaller)
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

const room = (name) => import(new URL(`../packages/pipeline/dist/src/${name}.js`, import.meta.url));
const { LeaseQueue } = await room("queue/lease-queue");
const memory = () => `${Math.round(process.memoryUsage().rss / 1e6)} MB resident`;
/** A machine that does other things, too, takes longer than this. */
const cpu = () => `${(process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6).toFixed(1)} s of CPU so far`;
const print = (name, text) => console.log(`${name.padEnd(14)} ${text}`);
const { values: sizes, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    jobs: { type: "string", default: "20000" },
    workers: { type: "string", default: "200" },
    deaths: { type: "string", default: "100" },
  },
});
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
  const space = "{slice.learning_rate: {float: [0.0001, 0.1], log: true}, head.model: [attention, mean, max]}";
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
  const [{ JobPool }, { Resources }, { GpuPool }] = await Promise.all([
    room("sweep/local/job-pool"),
    room("sweep/local/resources"),
    room("sweep/local/gpus"),
  ]);
  const queue = LeaseQueue.open(join(folder, "queue.sqlite"), { backOff: 1 });
  queue.add(Array.from({ length: jobs }, (_, k) => ({ key: `job ${k}`, payload: k, attempts: 1000 })));
  const begun = join(folder, "begun");
  let killed = 0;
  const pool = new JobPool({
    queue,
    resources: new Resources({ slots: workers, cpus: workers, memory: 1e12 }, new GpuPool()),
    work: {
      command: ({ key }) => {
        const dies = killed < deaths && Math.random() < (2 * deaths) / jobs;
        if (dies) killed++;
        return { words: ["/bin/sh", "-c", dies ? "kill -9 $$" : `echo "${key}" >> ${begun}; sleep 0.05`] };
      },
      judge: (_, exit) => (exit?.code === 0 ? { is: "done", result: null } : { is: "failed", error: "it was killed" }),
    },
  });
  const clock = stopwatch();
  while (queue.counts().done < jobs) {
    pool.round();
    if (pool.leases.length > 0) await pool.wait(100);
  }
  const seconds = Number(clock());
  const names = readFileSync(begun, "utf8").trim().split("\n");
  const twice = names.length - new Set(names).size;
  const lost = jobs - new Set(names).size;
  print(
    `${jobs} jobs`,
    `${workers} processes at once, ${killed} killed, in ${seconds} s: ${lost} lost, ${twice} done twice`,
  );
  if (lost > 0 || twice > 0) process.exitCode = 1;
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
