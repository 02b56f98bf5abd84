/** `squeue --json` of three versions of Slurm, which write the same facts differently (fixtures: fields as they print them). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { arrayTasks, arrayText } from "../../src/slurm/array-tasks.js";
import { SlurmError } from "../../src/slurm/errors.js";
import { parseJobs } from "../../src/slurm/job.js";

const set = (number: number) => ({ set: true, infinite: false, number });
const unset = { set: false, infinite: false, number: 0 };

/** One array of five: element 0 failed with code 3, 1 was killed by signal 9, 2 runs, 3 and 4 wait. */
const versions = {
  "22.05": [
    { job_id: 2, array_task_id: 0, array_task_string: "", job_state: "FAILED", exit_code: 768, restart_cnt: 1 },
    { job_id: 3, array_task_id: 1, array_task_string: "", job_state: "FAILED", exit_code: 9, restart_cnt: 0 },
    { job_id: 4, array_task_id: 2, array_task_string: "", job_state: "RUNNING", exit_code: 0, restart_cnt: 0 },
    { job_id: 1, array_task_id: null, array_task_string: "3-4%2", job_state: "PENDING", exit_code: 0, restart_cnt: 0 },
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
    { job_id: 4, array_task_id: set(2), job_state: ["RUNNING", "CONFIGURING"], exit_code: ended(0, 0), restart_cnt: 0 },
    { job_id: 1, array_task_id: unset, array_task_string: "3,4%2", job_state: ["PENDING"], exit_code: ended(0, 0) },
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
    const [job] = parseJobs(JSON.stringify({ jobs: [{ job_id: 7, array_job_id: 0, array_task_id: null, job_state }] }));
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

test("indices of arrays, read and written", () => {
  assert.deepEqual(arrayTasks("0-3,7,10-20:5%4"), [0, 1, 2, 3, 7, 10, 15, 20]);
  assert.deepEqual([arrayText([0, 1, 2, 5, 7, 8]), arrayText([3], 2)], ["0-2,5,7-8", "3%2"]);
});
