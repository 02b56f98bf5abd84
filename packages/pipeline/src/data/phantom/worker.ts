import { join } from "node:path";
import { parentPort } from "node:worker_threads";
import { writeNifti } from "@slicestack/volume/node";
import type { PoolAnswer } from "../pool.js";
import type { ScanPlan } from "./plan.js";
import { drawScan } from "./scan.js";

export interface PhantomJob {
  plan: ScanPlan;
  folder: string;
}

export interface PhantomResult {
  affected: number;
  sex: string;
  age: number;
}

async function run({ plan, folder }: PhantomJob): Promise<PoolAnswer<PhantomResult>> {
  try {
    const scan = drawScan(plan);
    await writeNifti(join(folder, `${plan.id}.nii.gz`), scan.volume);
    return { ok: true, result: { affected: scan.affected, sex: scan.anatomy.sex, age: scan.anatomy.age } };
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.on("message", (job: PhantomJob) => {
  void run(job).then((answer) => parentPort?.postMessage(answer));
});
