/** `squeue --json` of three versions of Slurm, which write the same facts differently (fixtures: fields as they print them). */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { test } from "node:test";
import { arrayTasks, arrayText } from "../../src/slurm/array-tasks.js";
import { Slurm } from "../../src/slurm/client.js";
import { SlurmError } from "../../src/slurm/errors.js";
import { JobFolder } from "../../src/slurm/job-folder.js";
import { parseJobs } from "../../src/slurm/job.js";
import { folderOf } from "../queue/temporary.js";

const set = (number: number) => ({ set: true, infinite: false, number });
const unset = { set: false, infinite: false, number: 0 };

/** One array of five: element 0 failed with code 3, 1 was killed by signal 9, 2 runs, 3 and 4 wait. */
const versions = {
  "22.05": [
    {
      job_id: 2,
      array_task_id: 0,
      array_task_string: "",
      job_state: "FAILED",
      exit_code: 768,
      restart_cnt: 1,
    },
    { job_id: 3, array_task_id: 1, array_task_string: "", job_state: "FAILED", exit_code: 9, restart_cnt: 0 },
    {
      job_id: 4,
      array_task_id: 2,
      array_task_string: "",
      job_state: "RUNNING",
      exit_code: 0,
      restart_cnt: 0,
    },
    {
      job_id: 1,
      array_task_id: null,
      array_task_string: "3-4%2",
      job_state: "PENDING",
      exit_code: 0,
      restart_cnt: 0,
    },
  ].map((job) => ({ ...job, array_job_id: 1, comment: "ours", state_reason: "None" })),
  "23.02": [
    { job_id: 2, array_task_id: set(0), job_state: "FAILED", exit_code: set(768), restart_cnt: 1 },
    { job_id: 3, array_task_id: set(1), job_state: "FAILED", exit_code: set(9), restart_cnt: 0 },
    { job_id: 4, array_task_id: set(2), job_state: "RUNNING", exit_code: unset, restart_cnt: 0 },
    { job_id: 1, array_task_id: unset, array_task_string: "3-4%2", job_state: "PENDING", exit_code: set(0) },
  ].map((job) => ({ ...job, array_job_id: set(1), comment: "ours" })),
  "24.05": [
    { job_id: 2, array_task_id: set(0), job_state: ["FAILED"], exit_code: ended(3, 0), restart_cnt: 1 },
    { job_id: 3, array_task_id: set(1), job_state: ["FAILED"], exit_code: ended(0, 9), restart_cnt: 0 },
    {
      job_id: 4,
      array_task_id: set(2),
      job_state: ["RUNNING", "CONFIGURING"],
      exit_code: ended(0, 0),
      restart_cnt: 0,
    },
    {
      job_id: 1,
      array_task_id: unset,
      array_task_string: "3,4%2",
      job_state: ["PENDING"],
      exit_code: ended(0, 0),
    },
  ].map((job) => ({ ...job, array_job_id: set(1), comment: "ours", nodes: null })),
};

function ended(code: number, signal: number) {
  const id = signal === 0 ? unset : set(signal);
  return { status: [], return_code: signal === 0 ? set(code) : unset, signal: { id, name: "" } };
}

for (const [version, jobs] of Object.entries(versions))
  test(`squeue --json of Slurm ${version}: ids, states, exit codes; waiting elements one by one`, () => {
    const read = parseJobs(JSON.stringify({ meta: {}, jobs, errors: [] }));
    assert.deepEqual(
      read.map(({ id, phase, exitCode, signal, restarts, comment }) => [
        id,
        phase,
        exitCode,
        signal,
        restarts,
        comment,
      ]),
      [
        ["1_0", "ended", 3, null, 1, "ours"],
        ["1_1", "ended", null, 9, 0, "ours"],
        ["1_2", "running", null, null, 0, "ours"],
        ["1_3", "waiting", null, null, 0, "ours"],
        ["1_4", "waiting", null, null, 0, "ours"],
      ],
    );
  });

test("a job that completes still runs, one that is requeued waits, one without an array has its own number", () => {
  const phase = (job_state: string | string[]) => {
    const [job] = parseJobs(
      JSON.stringify({ jobs: [{ job_id: 7, array_job_id: 0, array_task_id: null, job_state }] }),
    );
    return [job!.id, job!.state, job!.phase];
  };
  assert.deepEqual(phase("COMPLETING"), ["7", "COMPLETING", "running"]);
  assert.deepEqual(phase(["FAILED", "COMPLETING"]), ["7", "FAILED", "running"]);
  assert.deepEqual(phase(["PENDING", "REQUEUE_HOLD"]), ["7", "PENDING", "waiting"]);
  assert.deepEqual(phase("NODE_FAIL"), ["7", "NODE_FAIL", "ended"]);
});

test("what is no list of jobs is refused with what was found", () => {
  for (const text of ["JobID|State", '{"jobs": 3}', '{"jobs": [{"job_id": 1}]}'])
    assert.throws(() => parseJobs(text), SlurmError);
});

test("a list of waiting elements that Slurm has cut is refused, and Slurm is asked for all of it", async (t) => {
  const folder = folderOf(t);
  const elements = Array.from({ length: 40 }, (_, k) => 3 * k);
  const listed = (array_task_string: string) =>
    JSON.stringify({
      jobs: [{ job_id: 1, array_job_id: 1, array_task_id: null, array_task_string, job_state: "PENDING" }],
    });
  assert.throws(() => parseJobs(listed("0,3,6,9,1...")), /received the first of them/);
  writeFileSync(join(folder, "all"), listed(arrayText(elements)));
  writeFileSync(join(folder, "cut"), listed(`${arrayText(elements).slice(0, 61)}...`));
  // As Slurm's library does.
  const script = `#!/bin/sh\n[ "$SLURM_BITSTR_LEN" = 0 ] && exec cat ${folder}/all\nexec cat ${folder}/cut\n`;
  writeFileSync(join(folder, "squeue"), script, { mode: 0o755 });
  const jobs = await new Slurm({ PATH: `${folder}${delimiter}${process.env["PATH"]}` }).jobs();
  assert.deepEqual(
    jobs.map(({ element }) => element),
    elements,
  );
});

test("a percent sign in a folder's path is no placeholder of sbatch", async (t) => {
  const folder = folderOf(t);
  writeFileSync(join(folder, "sbatch"), `#!/bin/sh\ncat > /dev/null\necho "$@" > ${folder}/words\necho 5\n`, {
    mode: 0o755,
  });
  const slurm = new Slurm({ PATH: `${folder}${delimiter}${process.env["PATH"]}` });
  const submitting = {
    name: "a",
    tasks: [{ command: ["true"] }],
    options: {},
    stopBefore: 1,
    separateErrors: true,
  };
  assert.equal(await new JobFolder(join(folder, "90%job")).submit(slurm, submitting), 5);
  const words = readFileSync(join(folder, "words"), "utf8");
  for (const stream of ["out", "err"])
    assert.ok(words.includes(`${folder}/90%%job/task-%a.${stream}`), words);
});

test("indices of arrays, read and written", () => {
  assert.deepEqual(arrayTasks("0-3,7,10-20:5%4"), [0, 1, 2, 3, 7, 10, 15, 20]);
  assert.deepEqual([arrayText([0, 1, 2, 5, 7, 8]), arrayText([3], 2)], ["0-2,5,7-8", "3%2"]);
});
