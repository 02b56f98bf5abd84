import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { test } from "node:test";
import {
  resolveWorld,
  threadsOf,
  worldFromEnvironment,
  WorldError,
  type World,
} from "../../src/train/world.js";

const own = {
  SLICESTACK_RANK: "1",
  SLICESTACK_WORLD_SIZE: "4",
  SLICESTACK_MASTER_ADDR: "127.0.0.1",
  SLICESTACK_MASTER_PORT: "4711",
};
const torchrun = {
  RANK: "5",
  WORLD_SIZE: "8",
  LOCAL_RANK: "1",
  LOCAL_WORLD_SIZE: "4",
  MASTER_ADDR: "head",
  MASTER_PORT: "29500",
};
// As slurm-wlm 22.05 sets them: srun -N2 -n3, its third task.
const srun = {
  SLURM_JOB_ID: "1234",
  SLURM_LOCALID: "0",
  SLURM_NODEID: "1",
  SLURM_NTASKS: "3",
  SLURM_PROCID: "2",
  SLURM_STEP_ID: "0",
  SLURM_STEP_NODELIST: "n[0-1]",
  SLURM_STEP_NUM_NODES: "2",
  SLURM_STEP_NUM_TASKS: "3",
  SLURM_STEP_TASKS_PER_NODE: "2,1",
};

test("without a starter: a world of one", () => {
  const { rank, worldSize, starter } = worldFromEnvironment({ PATH: "/bin", MASTER_ADDR: "left over" });
  assert.deepEqual([rank, worldSize, starter], [0, 1, "none"]);
});

test("the variables of the launcher, torchrun and srun", () => {
  assert.deepEqual(worldFromEnvironment(own), {
    rank: 1,
    worldSize: 4,
    localRank: 1,
    localWorldSize: 4,
    masterAddress: "127.0.0.1",
    masterPort: 4711,
    starter: "slicestack",
  });
  assert.deepEqual(worldFromEnvironment(torchrun), {
    rank: 5,
    worldSize: 8,
    localRank: 1,
    localWorldSize: 4,
    masterAddress: "head",
    masterPort: 29_500,
    starter: "torchrun",
  });
  assert.deepEqual(worldFromEnvironment(srun), {
    rank: 2,
    worldSize: 3,
    localRank: 0,
    localWorldSize: 1,
    masterAddress: null,
    nodeList: "n[0-1]",
    masterPort: 10_000 + 1234 * 7,
    starter: "srun",
  });
});

test("if the store of torchrun uses MASTER_PORT, the ranks use another port", () => {
  const port = (MASTER_PORT: string) =>
    worldFromEnvironment({ ...torchrun, MASTER_PORT, TORCHELASTIC_USE_AGENT_STORE: "True" }).masterPort;
  assert.deepEqual([port("29500"), port("65000")], [30_500, 64_000]);
});

test("srun on one host needs no host name; MASTER_ADDR overrides", () => {
  assert.equal(worldFromEnvironment({ ...srun, SLURM_STEP_NUM_NODES: "1" }).masterAddress, "127.0.0.1");
  assert.equal(worldFromEnvironment({ ...srun, MASTER_ADDR: "n0.cluster" }).masterAddress, "n0.cluster");
});

test("a batch script is one process, whatever it may start: only srun's steps are worlds", () => {
  const { SLURM_STEP_NODELIST, SLURM_STEP_ID, SLURM_STEP_NUM_TASKS, ...batch } = srun;
  assert.ok(SLURM_STEP_NODELIST && SLURM_STEP_ID && SLURM_STEP_NUM_TASKS);
  assert.equal(worldFromEnvironment(batch).worldSize, 1);
});

test("the innermost starter wins: slicestack, then torchrun, then srun", () => {
  assert.equal(worldFromEnvironment({ ...srun, ...torchrun, ...own }).starter, "slicestack");
  assert.equal(worldFromEnvironment({ ...srun, ...torchrun }).starter, "torchrun");
});

test("the tasks of a host in the short form of Slurm", () => {
  const here = (tasks: string, node: string) =>
    worldFromEnvironment({ ...srun, SLURM_STEP_TASKS_PER_NODE: tasks, SLURM_NODEID: node }).localWorldSize;
  assert.deepEqual([here("4(x2),1", "0"), here("4(x2),1", "1"), here("4(x2),1", "2")], [4, 4, 1]);
  assert.equal(here("nonsense", "0"), 3, "all tasks, where it cannot be read");
});

test("variables that are missing, not numbers, out of range or contradictory are a WorldError that names them and the remedy", () => {
  const refused: [Record<string, string | undefined>, RegExp][] = [
    [
      { ...own, SLICESTACK_MASTER_PORT: undefined },
      /SLICESTACK_MASTER_PORT: expected a value, as slicestack train --procs sets it/,
    ],
    [{ ...torchrun, MASTER_ADDR: "" }, /MASTER_ADDR: expected a value, as torchrun sets it.*\n.*unset/],
    [{ ...torchrun, LOCAL_RANK: undefined }, /LOCAL_RANK: expected a value/],
    [{ RANK: "0" }, /WORLD_SIZE: expected a value/],
    [{ ...torchrun, RANK: "8" }, /RANK: expected a whole number from 0 to 7, received '8'/],
    [{ ...torchrun, RANK: "1e0" }, /RANK: expected a whole number/],
    [{ ...torchrun, LOCAL_RANK: "6" }, /LOCAL_RANK: expected a whole number from 0 to 5/],
    [{ ...torchrun, LOCAL_WORLD_SIZE: "1" }, /LOCAL_WORLD_SIZE: expected a whole number from 2 to 8/],
    [{ ...torchrun, MASTER_PORT: "99999" }, /MASTER_PORT: expected a whole number from 1 to 65535/],
    [{ ...own, SLICESTACK_WORLD_SIZE: "0" }, /SLICESTACK_WORLD_SIZE: expected a whole number from 1/],
    [{ ...srun, SLURM_LOCALID: undefined }, /SLURM_LOCALID: expected a value, as srun sets it/],
  ];
  for (const [env, pattern] of refused)
    assert.throws(
      () => worldFromEnvironment(env),
      (error) => error instanceof WorldError && pattern.test(error.message),
    );
});

test("two jobs, and two steps of a job, have different ports, between 10000 and 29999", () => {
  const port = (job: string, step: string) =>
    worldFromEnvironment({ ...srun, SLURM_JOB_ID: job, SLURM_STEP_ID: step }).masterPort;
  const ports = [port("7", "0"), port("7", "1"), port("8", "0"), port("4000000000", "3")];
  assert.equal(new Set(ports).size, ports.length);
  for (const found of ports) assert.ok(found >= 10_000 && found < 30_000);
});

test("a process has its share of its host's cores, at least one; with srun's binding, the usable cores are already its share", () => {
  const world = worldFromEnvironment({ ...torchrun, LOCAL_WORLD_SIZE: "3" }) as World;
  assert.deepEqual([threadsOf(world, 16, 16), threadsOf(world, 2, 16)], [5, 1]);
  const bound = { ...world, starter: "srun" as const, localWorldSize: 4 };
  assert.deepEqual([threadsOf(bound, 4, 16), threadsOf(bound, 16, 16)], [4, 4]);
});

test("scontrol names the first host of a step; if that fails, the error says what to set", async (t) => {
  const world = worldFromEnvironment(srun);
  const folder = mkdtempSync(join(tmpdir(), "slicestack-world-"));
  const path = process.env["PATH"];
  t.after(() => {
    process.env["PATH"] = path;
    rmSync(folder, { recursive: true });
  });
  const scontrol = (lines: string) => {
    writeFileSync(join(folder, "scontrol"), `#!/bin/sh\n${lines}\n`);
    chmodSync(join(folder, "scontrol"), 0o755);
    process.env["PATH"] = `${folder}${delimiter}${path}`;
  };
  scontrol('[ "$1 $2 $3" = "show hostnames n[0-1]" ] && printf "n0\\nn1\\n"');
  assert.deepEqual(await resolveWorld(world), { ...worldFromEnvironment({ ...srun, MASTER_ADDR: "n0" }) });
  scontrol(
    'case "$*" in "show hostnames n[0-1]") echo n0;; "show node n0") echo "   NodeAddr=10.0.0.7 NodeHostName=x";; esac',
  );
  assert.deepEqual(await resolveWorld(world), {
    ...worldFromEnvironment({ ...srun, MASTER_ADDR: "10.0.0.7" }),
  });
  for (const [lines, pattern] of [
    [
      "echo Invalid hostlist >&2; exit 1",
      /scontrol show hostnames n\[0-1\]: .*Invalid hostlist.*\n.*MASTER_ADDR/s,
    ],
    ["true", /it did not name a host/],
  ] as const) {
    scontrol(lines);
    await assert.rejects(
      resolveWorld(world),
      (error) => error instanceof WorldError && pattern.test(error.message),
    );
  }
  const settled = worldFromEnvironment(own) as World;
  assert.equal(await resolveWorld(settled), settled, "nothing is asked where the host is known");
});
