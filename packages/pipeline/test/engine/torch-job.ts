/** The job of session.test.ts: computes in libtorch, and says in which thread and how many tensors it leaves. */
import { threadId } from "node:worker_threads";
import { liveTensors, randn, scope } from "@slicestack/torch";
import type { JobContext } from "../../src/engine/job.js";

export interface TorchJob {
  /** Rows and columns of the matrix that is multiplied by itself. */
  size: number;
  /** Multiplications. */
  count: number;
  /** Throws after the first one. */
  fails?: boolean;
}

export interface TorchJobDone {
  thread: number;
  live: number;
  done: number;
}

export function job({ size, count, fails = false }: TorchJob, { stopping, event }: JobContext): TorchJobDone {
  let done = 0;
  scope(() => {
    const x = randn([size, size]);
    for (; done < count && !stopping(); done++) {
      scope(() => x.matmul(x).sum().item());
      event(done);
      if (fails) throw new RangeError("as asked");
    }
  });
  return { thread: threadId, live: liveTensors(), done };
}
