/** A Slurm cluster of this machine alone, in a folder: its daemons run as whoever runs the tests, without systemd. */
import { execFileSync, spawn } from "node:child_process";
import {
  accessSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { randomBytes } from "node:crypto";
import { bin } from "./command.js";

const daemons = ["/usr/sbin/slurmctld", "/usr/sbin/slurmd", "/usr/sbin/munged"];
/** Why there can be none here; false where there can. */
export const noSlurm = daemons.every((path) => existsSync(path))
  ? false
  : "Slurm is missing: apt-get install slurm-wlm munge";

/**
 * Whoever tests as root becomes an ordinary user (Debian's "nobody") for the rest of the process, where that user can read
 * this checkout. Call it before any folder is made.
 */
export function becomeOrdinaryUser(): void {
  if (process.getuid?.() !== 0) return;
  const nobody = 65_534;
  process.seteuid!(nobody);
  try {
    accessSync(bin);
    accessSync(process.execPath);
  } catch {
    return;
  } finally {
    process.seteuid!(0);
  }
  process.setgroups!([nobody]);
  process.setgid!(nobody);
  process.setuid!(nobody);
  process.env["HOME"] = tmpdir();
  for (const name of ["USER", "LOGNAME"]) process.env[name] = "nobody";
}

/** Nodes n0, n1 … of two cores each; all of them are this host. */
export class SlurmCluster {
  readonly #daemons: string[] = [];
  readonly #pids: number[] = [];

  private constructor(
    readonly folder: string,
    /** For the commands that talk to it. */
    readonly env: Record<string, string>,
  ) {}

  /**
   * @param more lines of slurm.conf in place of those with the same key
   * @throws Error with the daemons' logs where it does not come up within 30 s
   */
  static async start(folder: string, nodes: number, more: readonly string[] = []): Promise<SlurmCluster> {
    for (const part of ["", "state", "log", ...nodesOf(nodes).map((node) => `spool.${node}`)])
      mkdirSync(join(folder, part), { recursive: true, mode: 0o755 });
    writeFileSync(join(folder, "munge.key"), randomBytes(128), { mode: 0o600 });
    const ports = await freePorts(nodes + 1);
    writeFileSync(join(folder, "slurm.conf"), configuration(folder, ports, more));
    writeFileSync(join(folder, "cgroup.conf"), "");
    const cluster = new SlurmCluster(folder, { SLURM_CONF: join(folder, "slurm.conf") });
    const at = (name: string) => join(folder, name);
    cluster.#daemon(
      "munged",
      "--force",
      `--key-file=${at("munge.key")}`,
      `--socket=${at("munge.socket")}`,
      `--pid-file=${at("munged.pid")}`,
      `--log-file=${at("log/munged.log")}`,
      `--seed-file=${at("munge.seed")}`,
    );
    cluster.#daemon("slurmctld", "-i");
    for (const node of nodesOf(nodes)) cluster.#daemon("slurmd", "-N", node);
    cluster.#watch();
    try {
      for (const file of cluster.#daemons) cluster.#pids.push(await pidIn(file));
      await cluster.#idle(nodes);
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  /** Runs one of Slurm's commands to its end. @returns what it printed */
  run(command: string, ...args: string[]): string {
    return execFileSync(command, args, { env: { ...process.env, ...this.env }, encoding: "utf8" });
  }

  /** What a node that loses its power looks like: its daemon, its batch steps and their processes end at once. */
  killNode(node: string): void {
    const steps = processesWith(`SLURM_CONF=${this.env["SLURM_CONF"]}`, `SLURMD_NODENAME=${node}`);
    const parents = new Set(steps.map(parentOf).filter((pid) => commandOf(pid).startsWith("slurmstepd")));
    const file = join(this.folder, `slurmd.${node}.pid`);
    for (const pid of [pidOf(file), ...parents, ...steps])
      if (pid > 1 && isAlive(pid)) process.kill(pid, "SIGKILL");
    rmSync(file, { force: true }); // startNode waits for that of the next daemon
  }

  /** Starts the daemon of a node again. */
  async startNode(node: string): Promise<void> {
    const file = this.#daemon("slurmd", "-N", node);
    this.#pids.push(await pidIn(file));
  }

  /** Ends slurmctld, which saves its state first, and waits until it is gone. */
  async stopController(): Promise<void> {
    await this.#endController("SIGTERM");
  }

  async #endController(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const pid = pidOf(this.#controllerFile);
    process.kill(pid, signal);
    while (isAlive(pid)) await sleep(50);
    rmSync(this.#controllerFile, { force: true });
  }

  /** Waits until slurmctld has saved the jobs that it has now, which it does every five seconds. */
  async saved(): Promise<void> {
    const [file, now] = [join(this.folder, "state/job_state"), Date.now()];
    while (!existsSync(file) || statSync(file).mtimeMs < now) await sleep(100);
  }

  /** Ends slurmctld as a crash does: what it has not saved is lost. */
  async killController(): Promise<void> {
    await this.#endController("SIGKILL");
  }

  /** Starts slurmctld again, with the state that it saved. */
  async startController(): Promise<void> {
    this.#daemon("slurmctld", "-i");
    this.#pids.push(await pidIn(this.#controllerFile));
  }

  get #controllerFile(): string {
    return join(this.folder, "slurmctld.pid");
  }

  /** Ends the jobs, then the daemons. A daemon removes its pid file before it ends: therefore they are kept in mind. */
  async stop(): Promise<void> {
    await output("scancel", ["--full", "--signal=KILL", "--user", userInfo().username], this.env);
    await output("scancel", ["--user", userInfo().username], this.env);
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      for (const pid of this.#pids) if (isAlive(pid)) process.kill(pid, signal);
      for (let k = 0; k < 100 && this.#pids.some(isAlive); k++) await sleep(50);
    }
    for (const pid of processesWith(`SLURM_CONF=${this.env["SLURM_CONF"]}`, "SLURM_JOB_ID="))
      if (pid !== process.pid && isAlive(pid)) process.kill(pid, "SIGKILL");
  }

  /** Ends the daemons where the tests were killed and could not. */
  #watch(): void {
    const ended = `while kill -0 ${process.pid} 2>/dev/null; do sleep 2; done`;
    const end = `for file in "$0"/*.pid; do [ -s "$file" ] && kill -9 "$(cat "$file")"; done`;
    spawn("/bin/sh", ["-c", `${ended}; ${end}`, this.folder], { detached: true, stdio: "ignore" }).unref();
  }

  /** @returns its pid file */
  #daemon(name: string, ...args: string[]): string {
    execFileSync(`/usr/sbin/${name}`, args, { env: { ...process.env, ...this.env }, stdio: "ignore" });
    const file = join(this.folder, `${name}${name === "slurmd" ? `.${args[1]}` : ""}.pid`);
    this.#daemons.push(file);
    return file;
  }

  async #idle(nodes: number): Promise<void> {
    for (let k = 0; k < 150; k++) {
      const states = await output("sinfo", ["-h", "-N", "-p", "main", "-o", "%T"], this.env);
      if (
        states
          .trim()
          .split("\n")
          .filter((state) => state === "idle").length === nodes
      )
        return;
      await sleep(200);
    }
    const logs = ["slurmctld", "slurmd.n0", "munged"].map((name) => join(this.folder, `log/${name}.log`));
    const said = logs.map((file) =>
      existsSync(file) ? readFileSync(file, "utf8").slice(-2000) : `${file}: none`,
    );
    throw new Error(`the cluster did not come up:\n${said.join("\n")}`);
  }
}

const nodesOf = (count: number): string[] => Array.from({ length: count }, (_, k) => `n${k}`);

/** No cgroups, no accounting, no binding of tasks: none of that is asked here. */
function configuration(
  folder: string,
  [control, ...daemonPorts]: readonly number[],
  more: readonly string[],
): string {
  const { username } = userInfo();
  const nodes = daemonPorts.map(
    (port, k) =>
      `NodeName=n${k} NodeHostname=localhost NodeAddr=127.0.0.1 Port=${port} CPUs=2 RealMemory=1000 State=UNKNOWN`,
  );
  const common = `ClusterName=slicestack
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=${control}
SlurmUser=${username}
SlurmdUser=${username}
AuthType=auth/munge
AuthInfo=socket=${join(folder, "munge.socket")},cred_expire=5
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0
ReturnToService=2
SlurmdTimeout=5
KillWait=5
JobRequeue=0
SlurmdParameters=config_overrides
StateSaveLocation=${join(folder, "state")}
SlurmdSpoolDir=${join(folder, "spool.%n")}
SlurmctldPidFile=${join(folder, "slurmctld.pid")}
SlurmdPidFile=${join(folder, "slurmd.%n.pid")}
SlurmctldLogFile=${join(folder, "log/slurmctld.log")}
SlurmdLogFile=${join(folder, "log/slurmd.%n.log")}
PlugStackConfig=${join(folder, "plugstack.conf")}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP`;
  const keyOf = (line: string) => /^[^ ]*/.exec(line)![0].replace(/(?<!PartitionName)=.*/, "");
  const replaced = new Set(more.map(keyOf));
  const kept = common.split("\n").filter((line) => !replaced.has(keyOf(line)));
  // A partition names nodes, which therefore come first.
  return `${[...nodes, ...kept, ...more].join("\n")}\n`;
}

const pidOf = (file: string): number => (existsSync(file) ? Number(readFileSync(file, "utf8")) : 0);

/** Processes in whose environment each of the words stands at the beginning of a variable. */
function processesWith(...words: string[]): number[] {
  return readdirSync("/proc").flatMap((name) => {
    const variables = /^\d+$/.test(name) ? textOf(`/proc/${name}/environ`).split("\0") : [];
    return words.every((word) => variables.some((one) => one.startsWith(word))) ? [Number(name)] : [];
  });
}

const parentOf = (pid: number): number =>
  Number(/^PPid:\s*(\d+)/m.exec(textOf(`/proc/${pid}/status`))?.[1] ?? 0);
const commandOf = (pid: number): string => textOf(`/proc/${pid}/cmdline`);

/** "" where the process has ended or is somebody else's. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

async function pidIn(file: string): Promise<number> {
  for (let k = 0; k < 100; k++) {
    const pid = pidOf(file);
    if (pid > 0) return pid;
    await sleep(50);
  }
  throw new Error(`${file}: the daemon did not write it`);
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((done) => server.listen(0, done));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

function output(command: string, args: string[], env: Record<string, string>): Promise<string> {
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "ignore"],
    timeout: 5000,
  });
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  return new Promise((resolve) => child.on("close", () => resolve(text)));
}

function isAlive(pid: number): boolean {
  try {
    // A zombie, which waits for a parent that is not ours, is as good as gone.
    return !/^\d+ \(.*\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
