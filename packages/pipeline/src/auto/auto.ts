/**
 * The whole way in one call: scans and labels in, an evaluated model out. Every step is one of the other tasks, or a rule of
 * this room; auto.json keeps what is finished, so that a call that was killed continues.
 */
import { dirname } from "node:path";
import { removeTemporaries } from "../data/atomic.js";
import { FolderLock } from "../data/lock.js";
import { claimFolder, refuseForeign, refuseOccupied } from "../data/owned-folder.js";
import { refuseNested } from "../data/prepare/plan.js";
import { inOneSession } from "../engine/session.js";
import type { TaskOptions } from "../engine/task-options.js";
import { emptyFolder } from "../run/replace-folder.js";
import { autoPaths, type AutoPaths, type CandidateName } from "./folder.js";
import { Journal, type StepName } from "./journal.js";
import { writeAutoPage } from "./page.js";
import { resultText } from "./result-text.js";
import type { Bundled, Planned, Tested } from "./results.js";
import type { GivenScans } from "./scans.js";
import type { Selected } from "./select.js";
import {
  auditStep,
  bundleStep,
  chooseStep,
  inspectStep,
  membersOf,
  planStep,
  prepareStep,
  reportStep,
  splitStep,
  testStep,
  trainStep,
  type Way,
  type Wishes,
} from "./steps.js";
import { makeFolder } from "../data/make-folder.js";

export interface AutoOptions extends GivenScans, TaskOptions {
  /** Folder to create, or that of an earlier call, which is continued. */
  out: string;
  /** Seconds for everything; default: as long as the full plan takes. */
  budget?: number;
  /** Default auto. */
  device?: string;
  threads?: number | "auto";
  /** Of the split, the training and the intervals. Default 0. */
  seed?: number;
  /** Continue although the audit found a leak. Default false. */
  allowLeaks?: boolean;
  /** Replace what an earlier call left in the folder. Default false. */
  overwrite?: boolean;
  command?: string;
}

export interface AutoResult {
  /** The folder. */
  folder: string;
  /** The choice, with the scores that it is based on. */
  selected: Selected;
  planned: Planned;
  /** The final model first, then its members and the baselines, on the test set. */
  test: Tested;
  /** Folders of the groups whose runs are in the bundle. */
  groups: string[];
  /** Paths. */
  report: string;
  bundle: string;
  bundled: Bundled;
  steps: { step: StepName; seconds: number }[];
  /** Of all finished steps. */
  seconds: number;
  /** The result as text. */
  table: string;
}

/**
 * An abort of the signal ends after the current step of training; the same call continues from there.
 * @throws AutoError for a leak, and where inputs or files of finished steps have changed   @throws BudgetError
 * @throws FolderError, LockedError, and all that the tasks throw   @throws the signal's reason
 */
export function auto(options: AutoOptions): Promise<AutoResult> {
  return inOneSession(options, autoInSession);
}

async function autoInSession(options: AutoOptions): Promise<AutoResult> {
  const wishes = wishesOf(options);
  const paths = autoPaths(options.out);
  refuseNested(options.source, paths.root);
  const { overwrite = false, onLog } = options;
  if (overwrite) refuseOccupied(paths.root, "auto", true);
  else refuseForeign(paths.root, "auto");
  makeFolder(dirname(paths.root));
  claimFolder(paths.root, "auto");
  using _lock = FolderLock.take(paths.root);
  if (overwrite) {
    emptyFolder(paths.root);
    claimFolder(paths.root, "auto");
  }
  removeTemporaries(paths.root);
  const journal = Journal.open(paths, wishes.command);
  const way: Way = { ...options, wishes, paths, journal, say: (line) => onLog?.(line) };

  const scans = await inspectStep(way);
  const dataset = await prepareStep(way, scans);
  const audited = await auditStep(way, dataset);
  const held = await splitStep(way, dataset);
  const planned = await planStep(way, dataset, held);
  for (const { name } of planned.candidates) await trainStep(way, planned, name);
  const selected = await chooseStep(way, dataset, planned);
  const test = await testStep(way, dataset, planned, selected);
  await reportStep(way, dataset, ({ summaries }) =>
    writeAutoPage({ way, dataset, scans, audited, held, planned, selected, test, summaries }),
  );
  const bundled = await bundleStep(way, planned, selected);
  return resultOf({ paths, journal, wishes, planned, selected, test, bundled });
}

/** The options with their defaults. */
export function wishesOf(options: AutoOptions): Wishes {
  const { source, labels, size, depth } = options;
  const given: GivenScans = {
    source,
    ...(labels === undefined ? {} : { labels }),
    ...(size === undefined ? {} : { size }),
    ...(depth === undefined ? {} : { depth }),
  };
  const { budget = null, device = "auto", threads = "auto", seed = 0, allowLeaks = false } = options;
  const { command = "auto() of @slicestack/pipeline" } = options;
  return { given, budget, device, threads, seed, allowLeaks, command };
}

interface Ended {
  paths: AutoPaths;
  journal: Journal;
  wishes: Wishes;
  planned: Planned;
  selected: Selected;
  test: Tested;
  bundled: Bundled;
}

function resultOf({ paths, journal, wishes, planned, selected, test, bundled }: Ended): AutoResult {
  const groups = membersOf(selected, planned).map((name: CandidateName) => paths.group(name));
  const steps = journal.entries.map(({ step, seconds }) => ({ step, seconds }));
  const { root: folder, report, bundle } = paths;
  const { seconds } = journal;
  const table = resultText({ selected, planned, test, bundled, seconds, budget: wishes.budget });
  return { folder, selected, planned, test, groups, report, bundle, bundled, steps, seconds, table };
}
