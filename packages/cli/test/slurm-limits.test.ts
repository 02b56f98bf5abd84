/** Limits and accidents of a real Slurm under a sweep: a full queue, small arrays, a controller that is killed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { submissionsIn } from "@slicestack/pipeline/internal";
import { sweepsOnSlurm } from "./slurm-sweeps.js";
import { noSlurm } from "./slurm.js";

const skip = noSlurm;
const { at, sweeps, cluster } = sweepsOnSlurm(["MaxJobCount=3", "MaxArraySize=3", "MinJobAge=2"]);

test(
  "a queue that takes three jobs and arrays of three: what does not fit waits for the others, and every trial runs once",
  { skip },
  async () => {
    const heads = ["mean", "max", "attention", "noisy_or", "topk"];
    sweeps.write("full", Object.fromEntries(heads.map((head) => [`p_${head}`, head])));
    const { code, stdout, stderr } = await sweeps.control("full.yaml").ended;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /"status":"finished","trials":5,"finished":5,"failed":0/);
    assert.match(stderr, /It will be submitted when earlier jobs have finished/);
    const sizes = submissionsIn(at("full/slurm")).map((one) => one.read()!.tasks.length);
    assert.ok(Math.max(...sizes) <= 3, sizes.join());
    for (const stage of ["train", "score"])
      for (const trial of [0, 1, 2, 3, 4])
        assert.equal(sweeps.count("full", `begin ${stage} ${trial}`), 1, `${stage} ${trial}`);
  },
);

test(
  "slurmctld is killed in mid-sweep: what ended meanwhile is found, and every trial runs once",
  { skip },
  async () => {
    sweeps.write("killed", { waits: "mean", other: "max" });
    const controller = sweeps.control("killed.yaml");
    await sweeps.until(
      controller,
      () => sweeps.count("killed", "begin train 0") === 1 && sweeps.count("killed", "end score 1") === 1,
    );
    await cluster().saved();
    await cluster().killController();
    sweeps.release("killed");
    await sweeps.until(controller, () => sweeps.count("killed", "end train 0") === 1);
    await cluster().startController();
    const { code, stdout, stderr } = await controller.ended;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /"status":"finished","trials":2,"finished":2,"failed":0/);
    for (const stage of ["train", "score"])
      for (const trial of [0, 1])
        assert.equal(sweeps.count("killed", `begin ${stage} ${trial}`), 1, `${stage} ${trial}`);
  },
);
