/** Ranks that die, stop or never join: the others end in time with a DistributedError, and their processes continue. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import {
  DistributedError,
  destroyProcessGroup,
  initProcessGroup,
  isInitialized,
} from "../../src/distributed.js";
import { native } from "../../src/native/load.js";
import { freePort, groupTest, spawnRank, startRank, type Place } from "./ranks.js";

const TIMEOUT = 2;
/** Where the end of a peer's connection is the error: longer than a busy machine needs to notice it. */
const LONG_TIMEOUT = 60;
interface Told {
  first: { name: string; message: string; rank: number; worldSize: number };
  second: { name: string; message: string };
  alone: number[];
}

/** Ranks 0 .. n - 1 in processes of their own; the last does as `detail` says. @returns what the others told, and how the last ended */
async function lose(detail: string, worldSize: number, act: (pid: number) => void = () => undefined) {
  const timeoutSeconds = detail === "stop" ? TIMEOUT : LONG_TIMEOUT;
  const port = await freePort();
  const ranks = Array.from({ length: worldSize }, (_, rank) =>
    spawnRank({ scenario: "peer", rank, worldSize, port, timeoutSeconds, detail }),
  );
  const victim = ranks.pop();
  await victim?.line("here");
  act(victim?.process.pid ?? 0);
  const told = await Promise.all(ranks.map(async ({ line }) => JSON.parse(await line("{")) as Told));
  const codes = await Promise.all(ranks.map(({ end }) => end));
  victim?.process.kill("SIGKILL");
  assert.deepEqual(
    codes,
    codes.map(() => 0),
    "the processes continue and end normally",
  );
  for (const [rank, { first, second, alone }] of told.entries()) {
    assert.deepEqual([first.name, first.rank, first.worldSize], ["DistributedError", rank, worldSize]);
    assert.match(first.message, /Check the .*ranks.*\n.*destroyProcessGroup\(\)/);
    assert.match(second.message, /^barrier: rank \d of \d: the group has already failed: /);
    assert.deepEqual(alone, [5], "after leaving, a new group of one works");
  }
  return { told, end: await victim?.end };
}

groupTest(
  "a peer that is killed in an all-reduce: the other two get an error that names operation and rank",
  async () => {
    const { told, end } = await lose("run", 3, (pid) => process.kill(pid, "SIGKILL"));
    assert.equal(end, "SIGKILL");
    for (const { first } of told)
      assert.match(first.message, /^allReduce: rank \d of 3: allReduce lost the connection to another rank/);
  },
);

groupTest(
  "a peer that exits: the other's backward through SyncBatchNorm throws, and autograd still works",
  async () => {
    const { told, end } = await lose("exit backward", 2);
    assert.equal(end, 3);
    assert.match(
      told[0]?.first.message ?? "",
      /^backward: rank 0 of 2: syncBatchNormBackward lost the connection/,
    );
  },
);

groupTest(
  `a peer that stops answering: the error follows the time-out of ${TIMEOUT} s, and says which rank to check`,
  async () => {
    const { told } = await lose("stop", 2);
    assert.match(
      told[0]?.first.message ?? "",
      /^allReduce: rank 0 of 2: allReduce received no answer within 2 s .*\n {2}Check the ranks that did not reach this allReduce/,
    );
  },
);

/** What initProcessGroup throws here, where no group is left behind. */
function refusal(options: Partial<Parameters<typeof initProcessGroup>[0]>): DistributedError {
  try {
    initProcessGroup({
      rank: 0,
      worldSize: 2,
      masterAddress: "127.0.0.1",
      masterPort: 1,
      timeoutSeconds: 0.3,
      ...options,
    });
  } catch (error) {
    assert.ok(error instanceof DistributedError);
    assert.equal(isInitialized(), false);
    return error;
  }
  assert.fail("no error");
}

groupTest("a rank that never joins is named, and so is a missing rank 0", async () => {
  const masterPort = await freePort();
  assert.match(
    refusal({ worldSize: 3, masterPort }).message,
    /rank 0 of 3: rank 1, 2 did not join within 0\.3 s\n {2}Check its last lines/,
  );
  const alone = refusal({ rank: 1, masterPort });
  assert.match(
    alone.message,
    /within 0\.3 s \(timed out: nothing is listening at 127\.0\.0\.1, port \d+\)\n {2}Check that rank 0 is running/,
  );
  assert.deepEqual([alone.op, alone.rank, alone.worldSize], ["initProcessGroup", 1, 2]);
});

/** With another program on a port of this host. */
async function withStranger(body: (port: number) => void): Promise<void> {
  const server = createServer().listen(0);
  await once(server, "listening");
  try {
    body((server.address() as AddressInfo).port);
  } finally {
    server.close();
  }
}

groupTest("a port that is in use is reported with a remedy", () =>
  withStranger((masterPort) => {
    const remedy = new RegExp(
      `\\n {2}Port ${masterPort} is already in use on this host: choose another masterPort`,
    );
    assert.match(refusal({ masterPort }).message, remedy);
  }),
);

groupTest("a stranger that listens there and never answers is no reason to hang", () =>
  withStranger((masterPort) => {
    const { message } = refusal({ rank: 1, masterPort });
    assert.match(
      message,
      /did not find each other within 0\.3 s \(timed out: rank 0 does not answer at 127\.0\.0\.1, port/,
    );
  }),
);

/** A connection, once somebody listens. */
async function reach(port: number): Promise<Socket> {
  for (;;) {
    const socket = connect(port, "127.0.0.1");
    try {
      await once(socket, "connect");
      return socket.unref();
    } catch {
      await new Promise((done) => setTimeout(done, 10));
    }
  }
}

groupTest(
  "garbage, half questions and silence at rank 0's port do not keep the ranks from meeting",
  async () => {
    const port = await freePort();
    const place = (rank: number): Place => ({
      scenario: "facts",
      rank,
      worldSize: 2,
      port,
      timeoutSeconds: 20,
      detail: "",
    });
    const first = startRank(place(0));
    const magic = Buffer.from("lstacks1");
    const hostile = [
      "",
      "GET / HTTP/1.1\r\n\r\n",
      Buffer.alloc(64, 255),
      Buffer.concat([magic, Buffer.alloc(16, 255)]),
      magic,
    ];
    for (const bytes of hostile) (await reach(port)).on("error", () => undefined).write(bytes);
    const [zero, one] = await Promise.all([first, startRank(place(1))]);
    assert.deepEqual([(zero as unknown[])[0], (one as unknown[])[0]], [0, 1]);
  },
);

groupTest("an unknown host is reported at once", () => {
  const { message } = refusal({ rank: 1, masterAddress: "no-such-host.invalid", timeoutSeconds: 60 });
  assert.match(message, /the host no-such-host\.invalid cannot be resolved/);
  return Promise.resolve();
});

groupTest("a worker that is terminated while it waits for another leaves the process sound", async () => {
  const port = await freePort();
  const ranks = [0, 1].map((rank) => {
    const place: Place = { scenario: "endless", rank, worldSize: 2, port, timeoutSeconds: 5, detail: "" };
    return new Worker(new URL("./rank-child.js", import.meta.url), { workerData: place });
  });
  await new Promise((done) => setTimeout(done, 700));
  await Promise.all(ranks.map((worker) => worker.terminate()));
  initProcessGroup({
    rank: 0,
    worldSize: 1,
    masterAddress: "127.0.0.1",
    masterPort: port,
    timeoutSeconds: 5,
  });
  destroyProcessGroup();
});

test("if the build found no c10d, joining says what is missing and what to do", () => {
  const addon = native();
  const found = addon.distributedBackends.bind(addon);
  addon.distributedBackends = () => [];
  try {
    assert.throws(
      () => initProcessGroup({ rank: 0, worldSize: 2, masterAddress: "127.0.0.1", masterPort: 29500 }),
      DistributedError,
    );
  } finally {
    addon.distributedBackends = found;
  }
});
