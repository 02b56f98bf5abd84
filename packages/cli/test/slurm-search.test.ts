/** Searches that learn from results, on a real Slurm: TPE, successive halving, and failed trials that are tried again. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { sweepsOnSlurm } from "./slurm-sweeps.js";
import { noSlurm } from "./slurm.js";

const skip = noSlurm;
const { work, at, sweeps, cluster } = sweepsOnSlurm();
const slurm = "{poll: 0.5, stop_before: 10, attempts: 2, retry_after: 1, throttle: 2}";

test(
  "TPE: as many points at once as the throttle allows, none twice, the later ones from results",
  { skip },
  async () => {
    const search = "search: tpe\ntpe: {startup: 2}\nbudget: {points: 5}\n";
    sweeps.writeText("tpe", `space: {head.dropout: {float: [0.0, 0.5]}}\n${search}slurm: ${slurm}\n`);
    const { code, stdout, stderr } = await sweeps.control("tpe.yaml").ended;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /"status":"finished","trials":5,"finished":5/);
    const trials = [0, 1, 2, 3, 4].map((k) => readFileSync(at(`tpe/trials/00000${k}/trial.json`), "utf8"));
    assert.equal(new Set(trials.map((text) => /"head.dropout": ([\d.]+)/.exec(text)![1])).size, 5);
    const events = sweeps.events("tpe");
    const firstResult = events.findIndex((event) => event.startsWith("end score"));
    assert.ok(
      events.indexOf("begin train 4") > firstResult,
      "the last point was proposed after the first result",
    );
    for (const stage of ["train", "score"]) {
      const counts = [0, 1, 2, 3, 4].map((trial) => sweeps.count("tpe", `begin ${stage} ${trial}`));
      assert.deepEqual(counts, [1, 1, 1, 1, 1], stage);
    }
  },
);

test(
  "successive halving: the job of a point that lags behind is cancelled, and not tried again",
  { skip },
  async () => {
    const points = "points:\n  leads: {head.dropout: 0.5}\n  lags: {head.dropout: 0.1}\n";
    const prune = "prune: {asha: {stage: volume, min_epochs: 1, reduction: 2}}\n";
    sweeps.writeText("asha", `${points}${prune}slurm: ${slurm}\n`);
    const { code, stdout, stderr } = await sweeps.control("asha.yaml").ended;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /"status":"finished","trials":2,"finished":1,"failed":0,"pruned":1/);
    assert.match(stdout, /^pruned train 1$/m);
    assert.equal(sweeps.count("asha", "begin train 1"), 1);
    assert.equal(sweeps.count("asha", "begin score 1"), 0);
    const result = JSON.parse(readFileSync(at("asha/trials/000001/result.json"), "utf8")) as {
      status: string;
    };
    assert.equal(result.status, "pruned");
    while (cluster().run("squeue", "--noheader").trim() !== "") await pause(200); // its process saves first
    assert.equal(sweeps.count("asha", "saved train 1"), 1);
  },
);

test(
  "sweep cancel of a single trial: its jobs end, saved, and neither this call nor the next one submits them again",
  { skip },
  async () => {
    sweeps.write("single", { waits: "mean", other: "max" });
    const controller = sweeps.control("single.yaml");
    await sweeps.until(controller, () => sweeps.count("single", "begin train 0") === 1);
    const cancel = (trial: string) => work.start(["sweep", "cancel", "single", trial, "--on", "slurm"]);
    const { status, stdout, stderr } = await cancel("0");
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^1 trial is cancelled\.$/m);
    const first = await controller.ended;
    assert.match(first.stdout, /"trials":2,"finished":1,"failed":0,"pruned":0,"cancelled":1/, first.stderr);
    assert.match(first.stdout, /^cancelled train 0$/m);
    const second = await sweeps.control("single").ended;
    assert.match(second.stdout, /"finished":1,"failed":0,"pruned":0,"cancelled":1/, second.stderr);
    while (cluster().run("squeue", "--noheader").trim() !== "") await pause(200); // its process saves first
    assert.deepEqual(
      ["begin train 0", "saved train 0", "begin score 0", "end score 1"].map((event) =>
        sweeps.count("single", event),
      ),
      [1, 1, 0, 1],
    );
    assert.match((await cancel("7")).stderr, /has no trial 7/);
  },
);

test(
  "--retry-failed: a trial that was given up has all of its attempts again; what is finished is left alone",
  { skip },
  async () => {
    sweeps.write("retried", { fails: "mean", other: "max" });
    const first = await sweeps.control("retried.yaml").ended;
    assert.match(first.stdout, /"status":"finished","trials":2,"finished":1,"failed":1/, first.stderr);
    const without = await sweeps.control("retried").ended;
    assert.match(without.stdout, /"finished":1,"failed":1/, without.stderr);
    assert.equal(sweeps.count("retried", "begin train 0"), 2, "its attempts, and none by the second call");
    writeFileSync(at("retried/mended"), "");
    const { code, stdout, stderr } = await sweeps.control("retried", "--retry-failed").ended;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /"status":"finished","trials":2,"finished":2,"failed":0/);
    const counts = ["begin train 0", "begin train 1", "begin score 1"].map((event) =>
      sweeps.count("retried", event),
    );
    assert.deepEqual(counts, [3, 1, 1]);
  },
);
