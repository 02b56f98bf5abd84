/** A Slurm cluster of this machine alone, in a folder: its daemons run as whoever runs the tests, without systemd. */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { randomBytes } from "node:crypto";

const daemons = ["/usr/sbin/slurmctld", "/usr/sbin/slurmd", "/usr/sbin/munged"];
/** Why there can be none here; false where there can. */
export const noSlurm = daemons.every((path) => existsSync(path))
  ? false
  : "Slurm is missing: apt-get install slurm-wlm munge";

/** Nodes n0, n1 … of two cores each; all of them are this host. */
export class SlurmCluster {
  readonly #daemons: string[] = [];
  readonly #pids: number[] = [];

  private constructor(
    readonly folder: string,
    /** For the commands that talk to it. */
    readonly env: Record<string, string>,
  ) {}

  /** @throws Error with the daemons' logs where it does not come up within 30 s */
  static async start(folder: string, nodes: number): Promise<SlurmCluster> {
    for (const part of ["", "state", "log", ...nodesOf(nodes).map((node) => `spool.${node}`)])
      mkdirSync(join(folder, part), { recursive: true, mode: 0o755 });
    writeFileSync(join(folder, "munge.key"), randomBytes(128), { mode: 0o600 });
    const ports = await freePorts(nodes + 1);
    writeFileSync(join(folder, "slurm.conf"), configuration(folder, ports));
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
    try {
      for (const file of cluster.#daemons) cluster.#pids.push(await pidIn(file));
      await cluster.#idle(nodes);
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  /** A daemon removes its pid file before it ends: therefore they are kept in mind. */
  async stop(): Promise<void> {
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      for (const pid of this.#pids) if (isAlive(pid)) process.kill(pid, signal);
      for (let k = 0; k < 100 && this.#pids.some(isAlive); k++) await sleep(50);
    }
  }

  #daemon(name: string, ...args: string[]): void {
    execFileSync(`/usr/sbin/${name}`, args, { env: { ...process.env, ...this.env }, stdio: "ignore" });
    this.#daemons.push(join(this.folder, `${name}${name === "slurmd" ? `.${args[1]}` : ""}.pid`));
  }

  async #idle(nodes: number): Promise<void> {
    for (let k = 0; k < 150; k++) {
      const states = await output("sinfo", ["-h", "-N", "-o", "%T"], this.env);
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
    const said = logs.map((file) => (existsSync(file) ? readFileSync(file, "utf8").slice(-2000) : `${file}: none`));
    throw new Error(`the cluster did not come up:\n${said.join("\n")}`);
  }
}

const nodesOf = (count: number): string[] => Array.from({ length: count }, (_, k) => `n${k}`);

/** No cgroups, no accounting, no binding of tasks: none of that is asked here. */
function configuration(folder: string, [control, ...daemonPorts]: readonly number[]): string {
  const { username } = userInfo();
  const nodes = daemonPorts.map(
    (port, k) =>
      `NodeName=n${k} NodeHostname=localhost NodeAddr=127.0.0.1 Port=${port} CPUs=2 RealMemory=1000 State=UNKNOWN`,
  );
  return `ClusterName=slicestack
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=${control}
SlurmUser=${username}
SlurmdUser=${username}
AuthType=auth/munge
AuthInfo=socket=${join(folder, "munge.socket")}
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0,sched_interval=1
ReturnToService=2
KillWait=5
SlurmdParameters=config_overrides
StateSaveLocation=${join(folder, "state")}
SlurmdSpoolDir=${join(folder, "spool.%n")}
SlurmctldPidFile=${join(folder, "slurmctld.pid")}
SlurmdPidFile=${join(folder, "slurmd.%n.pid")}
SlurmctldLogFile=${join(folder, "log/slurmctld.log")}
SlurmdLogFile=${join(folder, "log/slurmd.%n.log")}
PlugStackConfig=${join(folder, "plugstack.conf")}
${nodes.join("\n")}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
`;
}

async function pidIn(file: string): Promise<number> {
  for (let k = 0; k < 100; k++) {
    const pid = existsSync(file) ? Number(readFileSync(file, "utf8")) : 0;
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
