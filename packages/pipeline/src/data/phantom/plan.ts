import { Random } from "@slicestack/stats";
import type { Site } from "./acquisition.js";
import { drawSites } from "./acquisition.js";

/** Volumes per class in MosMed: CT-0 to CT-4. */
export const mosmedCounts = [254, 684, 125, 45, 2] as const;
export const phantomClasses = ["CT-0", "CT-1", "CT-2", "CT-3", "CT-4"] as const;

/** One scan to be drawn; a worker needs nothing else. */
export interface ScanPlan {
  id: string;
  subject: string;
  label: number;
  site: Site;
  /** Seeds: anatomy and disease belong to the subject, breath and scanner to the scan. */
  subjectSeed: number;
  scanSeed: number;
  size: number;
}

export interface PlanOptions {
  subjects: number;
  seed: number;
  counts?: readonly number[] | undefined;
  minimum: number;
  size: number;
}

/**
 * Distributes `subjects` over the five classes in MosMed's proportions, with at least `minimum` in each class (or a fifth
 * of all, if there are too few). The largest class gives up what the small classes gain.
 */
export function classCounts(subjects: number, minimum: number): number[] {
  const floor = Math.min(minimum, Math.floor(subjects / mosmedCounts.length));
  const total = mosmedCounts.reduce((a, b) => a + b, 0);
  const counts = mosmedCounts.map((n) => Math.max(floor, Math.round((subjects * n) / total)));
  for (let excess = counts.reduce((a, b) => a + b, 0) - subjects; excess !== 0; excess -= Math.sign(excess)) {
    const largest = counts.indexOf(Math.max(...counts));
    counts[largest] = (counts[largest] ?? 0) - Math.sign(excess);
  }
  return counts;
}

/** Who is scanned, with which label, at which site; about one subject in fourteen is scanned twice. */
export function planScans(options: PlanOptions): ScanPlan[] {
  const random = new Random(options.seed);
  const counts = options.counts ?? classCounts(options.subjects, options.minimum);
  const labels = random
    .fork("labels")
    .shuffle(counts.flatMap((n, label) => Array.from({ length: n }, () => label)));
  const sites = drawSites(random.fork("sites"));
  const order = random.fork("pairs").shuffle(labels.map((_, i) => i));
  const twice = new Set(order.slice(0, labels.length < 10 ? 0 : Math.max(2, Math.round(labels.length / 14))));
  const scans: ScanPlan[] = [];
  labels.forEach((label, index) => {
    const subject = random.fork(`subject ${index}`);
    for (let visit = 0; visit < (twice.has(index) ? 2 : 1); visit++) {
      scans.push({
        id: String(scans.length + 1).padStart(4, "0"),
        subject: `S${String(index + 1).padStart(4, "0")}`,
        label,
        site: subject.fork(`site ${visit}`).pick(sites),
        subjectSeed: subject.seed,
        scanSeed: subject.fork(`visit ${visit}`).seed,
        size: options.size,
      });
    }
  });
  return scans;
}
