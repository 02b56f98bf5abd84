/** Who listens to a job may fail; the job then ends as by an abort, and the failure is what its caller hears of. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { runJob } from "../../src/engine/session.js";

test("a line of the log that meets a full disk: the job saves and ends, and the error is thrown, not left to the process", async () => {
  const folder = mkdtempSync(join(tmpdir(), "slicestack-told-"));
  const file = join(folder, "saved");
  const full = Object.assign(new Error("ENOSPC: no space left on device, write"), {
    code: "ENOSPC",
    syscall: "write",
  });
  let lines = 0;
  const onLog = () => {
    lines++;
    throw full;
  };
  try {
    const job = runJob(new URL("./talking-job.js", import.meta.url), file, { onLog });
    await assert.rejects(job, (error) => error === full);
    assert.equal(readFileSync(file, "utf8"), "saved");
    assert.ok(lines > 0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
