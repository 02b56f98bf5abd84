/** What `auto` will do, or has done, and how long each part takes. */
import { EVALUATION } from "./candidates.js";
import { TITLES, type CandidateName } from "./folder.js";
import { STEPS, type Journal, type StepName } from "./journal.js";
import type { Planned } from "./results.js";

export interface PlannedStep {
  step: StepName;
  /** What happens in it. */
  what: string;
  seconds: number;
  /** Whether an earlier call has finished it: the seconds are then measured, otherwise estimated. */
  done: boolean;
}

/** What is known of the data before they are prepared. */
export interface Facts {
  scans: number;
  subjects: number;
  testScans: number;
  isOfficial: boolean;
  /** Of the prepared data set. */
  voxels: number;
  /** In one thread. */
  secondsPerScan: number;
  cores: number;
}

interface Row {
  what: string;
  seconds: number;
}

/** At which the audit reads stored voxels, per second and core. */
const AUDITED_PER_SECOND = 3e7;

/** The steps before the plan, without what they say of folds. */
function preparation({ scans, subjects, testScans, isOfficial, voxels, secondsPerScan, cores }: Facts) {
  const from = isOfficial ? "the test set that the data come with" : "the test set, drawn by subject";
  return {
    inspect: { what: `list ${scans} scans of ${subjects} subjects, and their labels`, seconds: 1 },
    prepare: {
      what: "reorient, resample and store the scans",
      seconds: 1 + (scans * secondsPerScan) / cores,
    },
    audit: {
      what: "look for leaks, and stop if there is one",
      seconds: 2 + voxels / AUDITED_PER_SECOND / cores,
    },
    split: { what: `${testScans} scans are ${from}`, seconds: 1 },
  } satisfies Partial<Record<StepName, Row>>;
}

/** Seconds of the steps before the plan: as they took, or as they are expected to take. */
export function secondsBeforePlan(facts: Facts, journal: Journal | null): number {
  const rows = Object.entries(preparation(facts)) as [StepName, Row][];
  return rows.reduce((sum, [step, { seconds }]) => sum + (journal?.find(step)?.seconds ?? seconds), 0);
}

export function forecast(
  facts: Facts,
  plan: Pick<Planned, "folds" | "candidates">,
  journal: Journal | null,
): PlannedStep[] {
  const names = plan.candidates.map(({ name }) => TITLES[name]);
  const rows: Record<StepName, Row | null> = {
    ...preparation(facts),
    plan: { what: "measure this machine and write a configuration for each method", seconds: 20 },
    "train 2.5d": training("2.5d", plan),
    "train 2d": training("2d", plan),
    "train 3d": training("3d", plan),
    choose: { what: `compare ${names.join(", ")} on the validation sets`, seconds: 5 },
    test: {
      what: `score the chosen model on the test set, once${plan.candidates.length > 1 ? `; the mean of all takes ${plan.candidates.length} times as long` : ""}`,
      seconds: plan.folds * EVALUATION,
    },
    report: { what: "write report.html", seconds: 3 },
    bundle: { what: "write model.slicestack", seconds: 2 },
  };
  return STEPS.flatMap((step): PlannedStep[] => {
    const row = rows[step];
    if (row === null) return [];
    const entry = journal?.find(step);
    return [{ step, what: row.what, seconds: entry?.seconds ?? row.seconds, done: entry !== undefined }];
  });
}

function training(
  name: CandidateName,
  { candidates, folds }: Pick<Planned, "folds" | "candidates">,
): Row | null {
  const found = candidates.find((one) => one.name === name);
  if (found === undefined) return null;
  const how = name === "2d" ? "the vote of the slice stages that 2.5D trained" : `${found.epochs} epochs`;
  return { what: `${TITLES[name]} in ${folds} folds, ${how}`, seconds: found.seconds };
}
