/** The steps of `auto`, each with what it depends on; the order is in auto.ts. */
import { existsSync } from "node:fs";
import { basename, dirname } from "node:path";
import { z } from "zod";
import { makeFolder } from "../data/make-folder.js";
import { audit } from "../audit/audit.js";
import { auditPage } from "../audit/audit-page.js";
import { pathWord } from "../command-line.js";
import { loadConfig } from "../config/load.js";
import { writeFileAtomic } from "../data/atomic.js";
import { fileHash } from "../data/hash.js";
import { sha256Of } from "../data/sealed-json.js";
import { readSplits, splitPath, writeSplit } from "../data/split/split.js";
import { openDataset, type Dataset } from "../data/store.js";
import { taskOf } from "../data/task.js";
import { taskOptionsOf, type TaskOptions } from "../engine/task-options.js";
import { predictRun } from "../evaluate/predict-run.js";
import { writePredictions } from "../evaluate/predictions.js";
import { exportBundle } from "../export/bundle.js";
import { readRunConfig } from "../run/folder.js";
import { groupPaths, isGroup, readGroup, splitsHash } from "../run/group.js";
import { readLedger, weightsOf } from "../run/ledger.js";
import { stagesOf } from "../config/stages.js";
import { prepare } from "../tasks/prepare.js";
import { trainGroup } from "../study/train-group.js";
import { AutoError } from "./errors.js";
import { TITLES, type AutoPaths, type CandidateName } from "./folder.js";
import { foldsAround, holdTestSet, type Held } from "./folds.js";
import type { Journal } from "./journal.js";
import { leaksOf } from "./leaks.js";
import { planMeasured } from "./measured-plan.js";
import { readTestSet, scoresOf, testSummaries } from "./read-test.js";
import {
  auditedSchema,
  bundledSchema,
  heldSchema,
  planSchema,
  preparedSchema,
  scansSchema,
  selectedSchema,
  testedSchema,
  type Planned,
} from "./results.js";
import { callbacksOf, findGiven, type GivenScans } from "./scans.js";
import { joint, select, type Selected, type Validated } from "./select.js";

/** The options of `auto` with their defaults. */
export interface Wishes {
  given: GivenScans;
  budget: number | null;
  device: string;
  threads: number | "auto";
  seed: number;
  allowLeaks: boolean;
  command: string;
}

/** What every step works with. */
export interface Way extends TaskOptions {
  wishes: Wishes;
  paths: AutoPaths;
  journal: Journal;
  /** A line for the reader. */
  say: (line: string) => void;
}

export async function inspectStep(way: Way) {
  const { wishes, journal, say } = way;
  const { given } = wishes;
  const since = performance.now();
  const found = await findGiven(given, way);
  const { plan, labelsSha256, labelsFile, classes, subjects } = found;
  const result = await journal.step({
    name: "inspect",
    inputs: {
      labels: labelsSha256 ?? "",
      "--size": given.size?.join(",") ?? "",
      "--depth": String(given.depth ?? ""),
      scans: plan.key,
    },
    called: { labels: labelsFile, scans: `a scan in ${given.source}` },
    result: scansSchema,
    since,
    run: () => ({ scans: plan.volumes.length, subjects, classes }),
  });
  say(
    `inspect: ${result.scans} scans of ${result.subjects} subjects; ${classes.map((one) => `${one.name} ${one.scans}`).join(", ")}`,
  );
  return { ...result, key: plan.key };
}

export async function prepareStep(way: Way, scans: { key: string }): Promise<Dataset> {
  const { wishes, paths, journal, say } = way;
  const { given } = wishes;
  const prepared = await journal.step({
    name: "prepare",
    inputs: { scans: scans.key },
    called: { scans: `a scan in ${given.source}` },
    result: preparedSchema,
    run: async () => {
      // A call that was killed after the data set was complete, and before that was noted, makes it again.
      const done = await prepare({
        ...given,
        destination: paths.data,
        name: basename(paths.root),
        overwrite: true,
        ...callbacksOf(way),
      });
      const { info, volumes, quarantined, warnings } = done;
      return { hash: info.hash, volumes: volumes.length, quarantined: quarantined.length, warnings };
    },
  });
  const dataset = openDataset(paths.data);
  if (dataset.info.hash !== prepared.hash)
    throw new AutoError(
      paths.data,
      `is data set ${dataset.info.hash.slice(0, 12)}, the step "prepare" made ${prepared.hash.slice(0, 12)}`,
      `Put the old one back, or start again in ${pathWord(paths.root)} with --overwrite.`,
    );
  const { height, width, unit } = dataset.info;
  const left =
    prepared.quarantined === 0 ? "" : `; ${prepared.quarantined} could not be read, see data/dataset.json`;
  say(
    `prepare: ${prepared.volumes} volumes of ${height} x ${width}, ${unit === "HU" ? "HU" : "values without a unit"}${left}`,
  );
  for (const warning of prepared.warnings) say(`  warning: ${warning}`);
  return dataset;
}

/** @throws AutoError for a leak, unless leaks are allowed */
export async function auditStep(way: Way, dataset: Dataset) {
  const { wishes, paths, journal, say } = way;
  const audited = await journal.step({
    name: "audit",
    inputs: { data: dataset.info.hash },
    result: auditedSchema,
    run: async () => {
      const found = await audit({ data: paths.data, seed: wishes.seed, ...callbacksOf(way) });
      writeFileAtomic(paths.audit, auditPage(found, dataset));
      const leaks = leaksOf(found);
      refuseLeaks(leaks, way);
      const warnings = found.findings.flatMap(({ severity, text }) => (severity === "warning" ? [text] : []));
      return { leaks, warnings };
    },
  });
  refuseLeaks(audited.leaks, way); // an earlier call may have allowed them
  say(
    `audit: ${audited.leaks.length} errors, ${audited.warnings.length} warnings; all findings are in audit.html`,
  );
  for (const text of [...audited.leaks, ...audited.warnings]) say(`  warning: ${text}`);
  return audited;
}

function refuseLeaks(leaks: readonly string[], { paths, wishes }: Way): void {
  if (leaks.length === 0 || wishes.allowLeaks) return;
  throw new AutoError(
    paths.audit,
    `the audit found what would make the scores wrong. ${leaks.join(" ")}`,
    "Correct the labels or remove a copy and start again with --overwrite, or pass --allow-leaks to go on; the report then says so",
  );
}

export async function splitStep(way: Way, dataset: Dataset): Promise<Held> {
  const { wishes, journal, say } = way;
  const { seed } = wishes;
  const held = await journal.step({
    name: "split",
    inputs: { data: dataset.info.hash, "--seed": String(seed) },
    result: heldSchema,
    run: () => holdTestSet(dataset, seed),
  });
  const rest = dataset.volumes.length - held.test.length;
  const origin = held.origin === "official" ? "the one that the data come with" : "drawn by subject";
  say(
    `split: ${held.test.length} volumes are the test set (${origin}), ${rest} are for training and choosing`,
  );
  for (const warning of held.warnings) say(`  warning: ${warning}`);
  return held;
}

export async function planStep(way: Way, dataset: Dataset, held: Held): Promise<Planned> {
  const { wishes, paths, journal, say } = way;
  const { seed, budget, device, threads } = wishes;
  const planned = await journal.step({
    name: "plan",
    inputs: {
      data: dataset.info.hash,
      test: sha256Of(JSON.stringify(held.test)),
      "--budget": budget === null ? "" : `${budget}s`,
      "--device": device,
      "--threads": String(threads),
    },
    result: planSchema,
    run: async () => {
      const spent = journal.seconds;
      const { candidates, ...plan } = await planMeasured(dataset, held, wishes, spent, way);
      makeFolder(dirname(paths.plan("2d")));
      for (const { name, yaml } of candidates) writeFileAtomic(paths.plan(name), yaml);
      const folds = foldsAround(dataset, held, plan.folds, seed);
      writeSplit(dataset, folds);
      const named = candidates.map(({ name, epochs, seconds }) => ({ name, epochs, seconds }));
      return { ...plan, candidates: named, split: splitsHash(folds) };
    },
  });
  if (splitsHash(readSplits(splitPath(dataset))) !== planned.split)
    throw new AutoError(
      splitPath(dataset),
      'changed after the step "plan" was finished',
      `Put the old one back, or start again in ${pathWord(paths.root)} with --overwrite.`,
    );
  say(`plan: ${planned.reasons.join(" ")}`);
  for (const warning of planned.warnings) say(`  warning: ${warning}`);
  return planned;
}

export async function trainStep(way: Way, planned: Planned, name: CandidateName): Promise<void> {
  const { wishes, paths, journal, signal, say } = way;
  const file = paths.plan(name);
  const isDone = journal.find(`train ${name}`) !== undefined;
  say(`train: ${TITLES[name]} in ${planned.folds} folds${isDone ? ", done before" : ""}`);
  await journal.step({
    name: `train ${name}`,
    inputs: { split: planned.split, configuration: await fileHash(file) },
    called: { configuration: file },
    result: z.null(),
    run: async () => {
      const group = paths.group(name);
      await trainGroup({
        ...taskOptionsOf(way),
        config: loadConfig({ file }),
        data: paths.data,
        out: group,
        fold: "all",
        resume: isGroup(group),
        command: wishes.command,
        ...(name === "2d" ? { sliceFrom: paths.group("2.5d") } : {}),
      });
      signal?.throwIfAborted();
      return null;
    },
  });
}

/** Hash of the best weights of all runs; the runs must be there. @throws RunError */
async function modelsHash(paths: AutoPaths, names: readonly CandidateName[]): Promise<string> {
  const all: unknown[] = [];
  for (const run of runsOf(paths, names)) all.push(await weightsOf(run, stagesOf(readRunConfig(run))));
  return sha256Of(JSON.stringify(all));
}

const runsOf = (paths: AutoPaths, names: readonly CandidateName[]): string[] =>
  names.flatMap((name) => {
    const group = paths.group(name);
    return readGroup(group).members.map((member) => groupPaths(group).member(member));
  });

const namesOf = ({ candidates }: Planned): CandidateName[] => candidates.map(({ name }) => name);

/** The classes as the runs know them. */
function classesOf({ paths }: Way, dataset: Dataset) {
  const { classes } = taskOf(
    loadConfig({ file: paths.plan("2.5d") }),
    dataset,
    readSplits(splitPath(dataset))[0]!,
  );
  return { classes: classes.names, ordinal: classes.ordinal };
}

export async function chooseStep(way: Way, dataset: Dataset, planned: Planned): Promise<Selected> {
  const { paths, journal, wishes } = way;
  return journal.step({
    name: "choose",
    inputs: { "trained models": await modelsHash(paths, namesOf(planned)) },
    result: selectedSchema,
    run: async () => {
      const validated: Validated[] = [];
      for (const name of namesOf(planned)) {
        const folds = [];
        for (const run of runsOf(paths, [name]))
          folds.push((await predictRun(run, "val", taskOptionsOf(way))).main);
        validated.push({ name, folds });
      }
      writePredictions(paths.validation, [...validated.map((one) => joint([one])), joint(validated)]);
      const { classes } = classesOf(way, dataset);
      const selected = select(validated, classes.length === 2 ? "auroc" : "macroF1", {
        classes,
        seed: wishes.seed,
      });
      const undefinedIn = selected.scores.find(({ mean }) => !Number.isFinite(mean));
      if (undefinedIn !== undefined)
        throw new AutoError(
          paths.root,
          `the validation score of ${TITLES[undefinedIn.name]} is undefined in a fold, because one of its classes has no volume there`,
          "Add subjects of the rarest class.",
        );
      return selected;
    },
  });
}

/** The candidates whose models are in the final one. */
export const membersOf = ({ final }: Selected, planned: Planned): CandidateName[] =>
  final === "ensemble" ? namesOf(planned) : [final];

export async function testStep(way: Way, dataset: Dataset, planned: Planned, selected: Selected) {
  const { paths, journal, wishes } = way;
  const members = membersOf(selected, planned);
  return journal.step({
    name: "test",
    inputs: { "trained models": await modelsHash(paths, members), choice: selected.final },
    result: testedSchema,
    run: async () => {
      await readTestSet(
        paths,
        { final: selected.final, members },
        { ...taskOptionsOf(way), command: wishes.command },
      );
      const summaries = testSummaries(paths, { ...classesOf(way, dataset), seed: wishes.seed });
      const { volumes, subjects } = summaries[0]!;
      const reads = Math.max(...runsOf(paths, members).map((run) => readLedger(run).count));
      return { models: scoresOf(summaries), volumes, subjects, reads };
    },
  });
}

export async function bundleStep(way: Way, planned: Planned, selected: Selected) {
  const { paths, journal } = way;
  const members = membersOf(selected, planned);
  const bundled = await journal.step({
    name: "bundle",
    inputs: { "trained models": await modelsHash(paths, members), choice: selected.final },
    writes: paths.bundle,
    result: bundledSchema,
    run: async () => {
      const model = members.map((name) => paths.group(name));
      const { bytes, manifest } = await exportBundle({ model, out: paths.bundle, overwrite: true });
      return { bytes, sha256: await fileHash(paths.bundle), models: manifest.members.length };
    },
  });
  if ((await fileHash(paths.bundle)) !== bundled.sha256)
    throw new AutoError(
      paths.bundle,
      'changed after the step "bundle" was finished',
      "Remove it: the same command then writes it again.",
    );
  return bundled;
}

/** The report of what happened so far; `write` makes the page. */
export async function reportStep(
  way: Way,
  dataset: Dataset,
  write: (context: ReportContext) => Promise<void>,
) {
  const { paths, journal, wishes } = way;
  await journal.step({
    name: "report",
    inputs: { predictions: existsSync(paths.predictions) ? await fileHash(paths.predictions) : "" },
    called: { predictions: paths.predictions },
    writes: paths.report,
    result: z.null(),
    run: async () => {
      const classes = classesOf(way, dataset);
      await write({ summaries: testSummaries(paths, { ...classes, seed: wishes.seed }) });
      return null;
    },
  });
}

export interface ReportContext {
  summaries: ReturnType<typeof testSummaries>;
}
