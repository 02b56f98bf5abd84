import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { launchProcesses, PEER_LOST, type LaunchOptions } from "../../src/train/launch.js";

/** Runs n times `node -e` with a script, in which `rank` is known. @returns the result and both outputs */
async function launch(n: number, script: string, options: LaunchOptions = {}) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = `const rank = Number(process.env.SLICESTACK_RANK);\n${script}`;
  const result = await launchProcesses(n, process.execPath, ["-e", code], { stdout, stderr, ...options });
  const text = (stream: PassThrough) => (stream.read() as Buffer | null)?.toString() ?? "";
  return { ...result, out: text(stdout), err: text(stderr) };
}
/** Keeps a child alive for longer than a test may take. */
const FOREVER = "setInterval(() => {}, 1000);";

test("the output of rank 0 is passed on unchanged; of the others only errors, with their rank before each line", async () => {
  const { exitCode, failed, out, err } = await launch(
    3,
    `console.log("result of", rank); if (rank > 0) setTimeout(() => console.error("first\\nsecond"), rank * 300); else console.error("note");`,
  );
  assert.deepEqual([exitCode, failed], [0, null]);
  assert.equal(out, "result of 0\n");
  assert.equal(err, "note\n[rank 1] first\n[rank 1] second\n[rank 2] first\n[rank 2] second\n");
});

test("each process has its rank, the common port, its share of the cores, and the caller's variables", async () => {
  const { err } = await launch(
    2,
    `const e = process.env; console.error(e.SLICESTACK_RANK, e.SLICESTACK_WORLD_SIZE, e.SLICESTACK_MASTER_ADDR, e.SLICESTACK_MASTER_PORT, e.OMP_NUM_THREADS, e.MINE);`,
    { cores: 7, env: { PATH: process.env["PATH"], MINE: "kept", OMP_NUM_THREADS: "64" } },
  );
  const port = /127\.0\.0\.1 (\d+)/.exec(err)?.[1];
  assert.deepEqual(err.trim().split("\n").sort(), [
    `0 2 127.0.0.1 ${port} 3 kept`,
    `[rank 1] 1 2 127.0.0.1 ${port} 3 kept`,
  ]);
});

test("a rank that ends with an exit code ends all ranks, with one line that names it", async () => {
  const { exitCode, failed, err } = await launch(
    3,
    `if (rank === 1) setTimeout(() => process.exit(9), 100); else ${FOREVER}`,
  );
  assert.deepEqual([exitCode, failed], [9, { rank: 1, code: 9, signal: null }]);
  assert.equal(err, "slicestack: rank 1 of 3 ended with exit code 9; the other ranks were stopped\n");
});

test("a rank that is killed ends all ranks; those that ignore SIGTERM are killed, too", async () => {
  const script = `process.on("SIGTERM", () => {}); if (rank === 2) process.kill(process.pid, "SIGKILL"); else ${FOREVER}`;
  const { exitCode, failed, err } = await launch(3, script, { graceSeconds: 0.3 });
  assert.deepEqual([exitCode, failed], [137, { rank: 2, code: null, signal: "SIGKILL" }]);
  assert.match(
    err,
    /^slicestack: rank 2 of 3 was killed by SIGKILL \(the system does so if memory runs out\); the other ranks were stopped\n$/,
  );
});

test("a rank that only lost another is not blamed, though it ends first", async () => {
  const script = `setTimeout(() => process.exit(rank === 1 ? 3 : ${PEER_LOST}), rank === 1 ? 1500 : 0);`;
  const { failed } = await launch(3, script);
  assert.deepEqual(failed, { rank: 1, code: 3, signal: null });
});

test("an abort reaches every rank once; a requested end is not a failure", async () => {
  const controller = new AbortController();
  const script = `let heard = 0;
    process.on("SIGINT", () => { heard++; setTimeout(() => { console.error("heard", heard); process.exit(130); }, 300); });
    console.error("ready"); ${FOREVER}`;
  const stderr = new PassThrough();
  const lines: string[] = [];
  stderr.on("data", (chunk: Buffer) => {
    lines.push(...chunk.toString().trim().split("\n"));
    if (lines.length === 2) controller.abort();
  });
  const result = await launchProcesses(2, process.execPath, ["-e", script], {
    stderr,
    stdout: new PassThrough(),
    signal: controller.signal,
  });
  assert.deepEqual(result, { exitCode: 130, failed: null });
  assert.deepEqual(lines.sort(), ["[rank 1] heard 1", "[rank 1] ready", "heard 1", "ready"]);
});

test("a terminal's Ctrl-C, which reaches the whole foreground group, does not reach the ranks in addition to the signal that is passed on", async () => {
  const module = new URL("../../src/train/launch.js", import.meta.url).href;
  const rank = `let heard = 0; process.on("SIGINT", () => { heard++; setTimeout(() => { console.error("heard", heard); process.exit(0); }, 300); }); console.error("ready"); ${FOREVER}`;
  const launcher = `
    const { launchProcesses } = await import(${JSON.stringify(module)});
    const controller = new AbortController();
    process.on("SIGINT", () => controller.abort());
    await launchProcesses(2, process.execPath, ["-e", ${JSON.stringify(rank)}], { signal: controller.signal });`;
  const started = spawn(process.execPath, ["--input-type=module", "-e", launcher], {
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let err = "";
  for await (const chunk of started.stderr) {
    err += (chunk as Buffer).toString();
    if (err.match(/ready/g)?.length === 2 && !err.includes("heard") && started.pid)
      process.kill(-started.pid, "SIGINT");
  }
  assert.deepEqual(err.trim().split("\n").sort(), ["[rank 1] heard 1", "[rank 1] ready", "heard 1", "ready"]);
});

test("if a launcher is killed, ranks that called endWithLauncher end, too", async () => {
  const module = new URL("../../src/train/launch.js", import.meta.url).href;
  const rank = `import(${JSON.stringify(module)}).then(({ endWithLauncher }) => { endWithLauncher(); console.error("pid", process.pid); ${FOREVER} });`;
  const launcher = `
    const { launchProcesses } = await import(${JSON.stringify(module)});
    await launchProcesses(2, process.execPath, ["-e", ${JSON.stringify(rank)}]);`;
  const started = spawn(process.execPath, ["--input-type=module", "-e", launcher], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let err = "";
  while ((err.match(/pid \d+\n/g)?.length ?? 0) < 2)
    err += ((await once(started.stderr, "data")) as [Buffer])[0].toString();
  started.kill("SIGKILL");
  const pids = [...err.matchAll(/pid (\d+)/g)].map(([, pid]) => Number(pid));
  const alive = () => pids.filter((pid) => isAlive(pid));
  for (let k = 0; k < 100 && alive().length > 0; k++) await sleep(50);
  assert.deepEqual(alive(), []);
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("a missing command is reported with code 127; invalid numbers of processes are refused", async () => {
  const stderr = new PassThrough();
  const { exitCode, failed } = await launchProcesses(2, "/nonexistent/command", [], {
    stderr,
    stdout: new PassThrough(),
  });
  assert.deepEqual([exitCode, failed?.code], [127, 127]);
  assert.match(
    (stderr.read() as Buffer).toString(),
    /rank \d could not be started: spawn \/nonexistent\/command ENOENT/,
  );
  for (const n of [0, 1.5, NaN, 5000])
    await assert.rejects(launchProcesses(n, process.execPath, []), RangeError);
});
