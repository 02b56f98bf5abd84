import { join, resolve } from "node:path";
import type { Progress } from "../engine/progress.js";
import { StagedFolder } from "./atomic.js";
import { writeTable } from "./csv.js";
import { PrepareError } from "./errors.js";
import { affectedBands } from "./phantom/lesions.js";
import { phantomClasses, planScans, type ScanPlan } from "./phantom/plan.js";
import type { PhantomJob, PhantomResult } from "./phantom/worker.js";
import { runPool } from "./pool.js";

export interface PhantomOptions {
  /** Folder to create; it must be new or empty. */
  destination: string;
  /** Simulated people, default 100; a few of them are scanned twice. */
  subjects?: number;
  seed: number;
  /** Subjects per class, CT-0 to CT-4; instead of `subjects`. Default: MosMed's proportions. */
  counts?: readonly number[];
  /** Minimum number of subjects per class without `counts`; default 6: every part of a 60/20/20 split has each class. */
  minimum?: number;
  /** Voxels across, in plane; default 128. */
  size?: number;
  /** Threads; default: the cores this process may use. The files do not depend on it. */
  workers?: number;
  overwrite?: boolean;
  onProgress?: (progress: Progress) => void;
  signal?: AbortSignal;
}

export interface PhantomScanRecord {
  id: string;
  subject: string;
  label: number;
  site: string;
  sex: string;
  age: number;
  /** Measured share of the lung that is affected, 0..1. */
  affected: number;
}

export interface PhantomSet {
  directory: string;
  labels: string;
  scans: PhantomScanRecord[];
}

/**
 * Writes chest CT look-alikes in HU as NNNN.nii.gz, and labels.csv. CT-0 to CT-4 mean 0, <25, 25-50, 50-75 and >75 % of
 * the lung affected. Dose, breath, collapse by weight, scanner, slice count, spacing and orientation vary, independent
 * of the label. The same options give the same bytes.
 * @throws FolderError if the destination is not empty   @throws PrepareError for impossible counts
 * @throws the signal's reason; nothing is left behind
 */
export async function generatePhantoms(options: PhantomOptions): Promise<PhantomSet> {
  const plans = planScans(checked(options));
  const folder = new StagedFolder(options.destination, "scans", options.overwrite ?? false);
  const scans: PhantomScanRecord[] = [];
  try {
    await runPool<PhantomJob, PhantomResult>({
      script: new URL("./phantom/worker.js", import.meta.url),
      jobs: plans.map((plan) => ({ plan, folder: folder.path })),
      ...(options.workers === undefined ? {} : { workers: options.workers }),
      signal: options.signal,
      deliver: (answer, index) => {
        const plan = plans[index] as ScanPlan;
        if (!answer.ok)
          throw new PrepareError(`phantom ${plan.id}: ${answer.reason}`, "Check the free disk space.");
        scans.push(recordOf(plan, answer.result));
        options.onProgress?.({
          stage: "phantoms",
          done: index + 1,
          total: plans.length,
          unit: "scans",
          message: plan.id,
        });
      },
    });
    writeLabels(join(folder.path, "labels.csv"), scans);
    folder.commit();
  } finally {
    folder.abort();
  }
  const directory = resolve(options.destination);
  return { directory, labels: join(directory, "labels.csv"), scans };
}

function checked(options: PhantomOptions) {
  const { seed, counts, subjects = 100, minimum = 6, size = 128 } = options;
  const whole = (value: number, low: number) => Number.isSafeInteger(value) && value >= low;
  if (
    counts !== undefined &&
    (counts.length !== phantomClasses.length || !counts.every((n) => whole(n, 0)))
  ) {
    throw new PrepareError(
      `counts: expected five whole numbers, received [${counts.join(", ")}]`,
      "Give one per class, CT-0 to CT-4.",
    );
  }
  if (!whole(subjects, 5))
    throw new PrepareError(`subjects: expected at least 5, received ${subjects}`, "Use a larger number.");
  if (!whole(size, 32))
    throw new PrepareError(`size: expected at least 32 voxels, received ${size}`, "128 is the default.");
  return { seed, counts, subjects, minimum, size };
}

function recordOf(plan: ScanPlan, result: PhantomResult): PhantomScanRecord {
  const [low, high] = affectedBands[plan.label] ?? [0, 0];
  const { affected } = result;
  if (plan.label === 0 ? affected !== 0 : affected <= low || affected >= high) {
    throw new PrepareError(
      `phantom ${plan.id}: ${affected} of its lung is affected, but CT-${plan.label} ends at ${high}`,
      "Use another seed.",
    );
  }
  const { id, subject, label, site } = plan;
  return { id, subject, label, site: site.name, sex: result.sex, age: result.age, affected };
}

function writeLabels(path: string, scans: PhantomScanRecord[]): void {
  const columns = ["id", "subject", "label", "class", "site", "sex", "age", "affected"];
  writeTable(
    path,
    columns,
    scans.map((scan) => ({
      ...scan,
      class: phantomClasses[scan.label as 0],
      affected: scan.affected.toFixed(4),
    })),
  );
}
