/** Several processes that train together, through the real command: --procs, Ctrl-C, a rank that dies, torchrun's variables. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { before, test } from "node:test";
import type { GroupRecord } from "@slicestack/pipeline";
import { availability } from "@slicestack/torch/distributed";
import { bin, CommandFolder } from "./command.js";
import { metricsRows, smallConfig, smallData, synchronised, trainSmall as train } from "./small-data.js";

const { backends, reason } = availability();
const skip = backends.length > 0 ? false : reason;
const folder = new CommandFolder();
const at = (...parts: string[]) => join(folder.path, ...parts);
const text = (...parts: string[]) => readFileSync(at(...parts), "utf8");
// Many small steps, so that a signal after the first epoch comes long before the end.
const long = ["--slice.epochs", "60", "--slice.batch_size", "2", "--procs", "2"];
const firstEpochSaved = (run: string) => () => existsSync(at(run, "checkpoints/slice/last.json"));

before(async () => {
  await smallData(folder.path);
  writeFileSync(at("small.yaml"), smallConfig);
});

const rowsOf = (run: string) => metricsRows(text(run, "metrics.jsonl"));

test(
  "--procs 2: one run folder, one result, one voice; with synchronised batch norm the losses of one process",
  { skip },
  () => {
    const { status, stdout, stderr } = folder.run(...train("two", "--procs", "2", "--json"), ...synchronised);
    assert.equal(status, 0, stderr);
    assert.deepEqual(Object.keys(JSON.parse(stdout) as object), ["run", "status", "best"], "one JSON object");
    assert.equal(stderr.match(/^Run: two$/gm)?.length, 1);
    assert.doesNotMatch(stderr, /rank|batch norm/);
    const record = JSON.parse(text("two", "run.json")) as {
      status: string;
      environment: { processes: string };
    };
    assert.deepEqual([record.status, record.environment.processes], ["trained", "2"]);
    assert.equal(readdirSync(at("two")).filter((name) => name.startsWith("events.out.tfevents.")).length, 1);
    assert.ok(!existsSync(at("two", ".lock")));

    folder.succeed(...train("one"), ...synchronised);
    const [one, two] = [rowsOf("one"), rowsOf("two")];
    assert.deepEqual(
      two.map(({ stage, epoch }) => `${stage} ${epoch}`),
      ["slice 0", "slice 1", "volume 0", "volume 1"],
    );
    one.forEach((row, k) => {
      for (const name of ["train_loss", "val_loss"] as const) {
        const apart = Math.abs(two[k]![name] / row[name] - 1);
        assert.ok(
          apart < 1e-4,
          `${row.stage} ${row.epoch}: ${name} ${row[name]} in one process, ${two[k]![name]} in two`,
        );
      }
    });
  },
);

/** The process of a rank, below the launcher. */
function pidOf(rank: number, launcher: number): number | undefined {
  const children = readFileSync(`/proc/${launcher}/task/${launcher}/children`, "utf8")
    .trim()
    .split(" ")
    .map(Number);
  return children.find((pid) =>
    readFileSync(`/proc/${pid}/environ`, "utf8").includes(`SLICESTACK_RANK=${rank}\0`),
  );
}

test(
  "a rank that is killed ends all with code 6 and a word that names it; batch norm that is not synchronised is said",
  { skip },
  async () => {
    const child = spawn(bin, train("killed", ...long, "--json"), folder.options);
    let [out, err] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
    const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
    while (!firstEpochSaved("killed")() && child.exitCode === null)
      await new Promise((done) => setTimeout(done, 10));
    const victim = pidOf(1, child.pid!)!;
    process.kill(victim, "SIGKILL");
    assert.equal(await ended, 6, err);
    assert.match(err, /^slicestack: rank 1 of 2 was killed by SIGKILL .*; the other ranks were stopped$/m);
    assert.match(
      err,
      /^batch norm \(3 layers, first bn1\) uses the items of each process separately.*sync_batch_norm/m,
    );
    const { error } = JSON.parse(out) as { error: { name: string; exitCode: number } };
    assert.deepEqual([error.name, error.exitCode], ["DistributedError", 6]);
  },
);

test(
  "Ctrl-C ends all processes, saved; the printed command resumes, even with another number of processes",
  { skip },
  async () => {
    const { status, stdout, stderr } = await folder.interrupt(
      train("stopped", ...long),
      "SIGINT",
      firstEpochSaved("stopped"),
    );
    assert.deepEqual([status, stdout], [130, ""], stderr);
    assert.equal(stderr.match(/stopping after this step/g)?.length, 1, stderr);
    const command = /^Stopped and saved\. To resume: slicestack (train --resume \S+) --procs 2$/m.exec(
      stderr,
    )?.[1];
    assert.ok(command !== undefined, stderr);
    const epochs = rowsOf("stopped").length;
    const again = await folder.interrupt(
      command.split(" "),
      "SIGINT",
      () => rowsOf("stopped").length > epochs + 1,
    );
    assert.equal(again.status, 130, again.stderr);
    const seen = rowsOf("stopped").map(({ epoch }) => epoch);
    assert.deepEqual(seen, [...seen.keys()], "every epoch once");
  },
);

/** A port of this host that nobody has. */
async function freePort(): Promise<string> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return String(port);
}

test(
  "torchrun's variables: each process runs the same command, here of a group, and the first one tells it",
  { skip },
  async () => {
    const shared = {
      WORLD_SIZE: "2",
      LOCAL_WORLD_SIZE: "2",
      MASTER_ADDR: "127.0.0.1",
      MASTER_PORT: await freePort(),
    };
    const place = (rank: number) => ({ ...shared, RANK: `${rank}`, LOCAL_RANK: `${rank}` });
    const args = train("torchrun", "--seeds", "2", "--head.epochs", "1", "--slice.epochs", "1");
    const [zero, one] = await Promise.all([0, 1].map((rank) => folder.start(args, place(rank))));
    assert.deepEqual([zero!.status, one!.status], [0, 0], zero!.stderr + one!.stderr);
    assert.match(
      zero!.stdout,
      /^seed0 {2}best .*\nseed1 {2}best .*\nGroup: .*torchrun\nNext: slicestack evaluate /,
    );
    assert.deepEqual([one!.stdout, one!.stderr], ["", ""]);
    const { status, members } = JSON.parse(text("torchrun", "group.json")) as GroupRecord;
    assert.deepEqual(
      [status, ...members.map(({ trained }) => trained.join())],
      ["trained", "slice,volume", "slice,volume"],
    );
    for (const { name } of members)
      assert.deepEqual(
        rowsOf(join("torchrun", name)).map(({ stage }) => stage),
        ["slice", "volume"],
      );
  },
);

test("what several processes cannot do is refused with code 2: no --out to meet in, processes within processes, half a set of variables", async () => {
  const world = {
    RANK: "0",
    WORLD_SIZE: "2",
    LOCAL_RANK: "0",
    MASTER_ADDR: "127.0.0.1",
    MASTER_PORT: "29518",
  };
  const plain = ["train", "--config", "small.yaml", "--data", "data"];
  const cases: [string[], Record<string, string>, RegExp][] = [
    [plain, world, /2 processes of torchrun need one run folder: give --out FOLDER/],
    [train("none", "--procs", "2"), world, /torchrun has started 2 processes of this training: omit --procs/],
    [train("none"), { RANK: "0" }, /WORLD_SIZE: expected a value, as torchrun sets it/],
    [train("none", "--procs", "0"), {}, /from 1 to 1024/],
    [train("none", "--fold", "first"), {}, /the number of a fold, counted from 0, or all/],
  ];
  for (const [args, env, message] of cases) {
    const { status, stderr } = await folder.start(args, env);
    assert.equal(status, 2, stderr);
    assert.match(stderr, message);
  }
  assert.ok(!existsSync(at("none")));
});
