/** report.html of `auto`: what was done, with what, how the model was chosen, and its scores on the test set. */
import { basename, join, relative } from "node:path";
import { writeFileAtomic } from "../data/atomic.js";
import type { Dataset } from "../data/store.js";
import { labelsOf } from "../data/store.js";
import type { ModelSummary } from "../evaluate/summary.js";
import { METRIC_NAMES, SHORT_NAMES } from "../evaluate/metric-names.js";
import { drawSvg, INK, PALETTE } from "../page/drawing.js";
import { formatNumber } from "../page/format.js";
import { minutes } from "../plan/choose-config.js";
import { forestFigure } from "../report/figures/forest.js";
import type { Block } from "../report/render-blocks.js";
import { studyPage } from "../report/study-page.js";
import { TITLES } from "./folder.js";
import type { Held } from "./folds.js";
import { candidateRows, choiceText, readsText, testRows, titleOf } from "./result-text.js";
import { scoresOf } from "./read-test.js";
import { preparedSchema, type Planned, type Tested } from "./results.js";
import { subjectsOf } from "./scans.js";
import type { Selected } from "./select.js";
import { membersOf, type Way } from "./steps.js";

interface Told {
  way: Way;
  dataset: Dataset;
  scans: { scans: number; subjects: number };
  audited: { leaks: string[]; warnings: string[] };
  held: Held;
  planned: Planned;
  selected: Selected;
  test: Tested;
  summaries: ModelSummary[];
}

export async function writeAutoPage(told: Told): Promise<void> {
  const { way, audited, held, planned, selected, summaries } = told;
  const { paths, wishes } = way;
  const leaks = audited.leaks.map((text) => `Continued in spite of a leak (--allow-leaks): ${text}`);
  const notes = [
    ...leaks,
    ...preparationNotes(way),
    ...audited.warnings,
    ...held.warnings,
    ...planned.warnings,
  ].map((note) => ({ note }));
  const named = summaries.map((summary) => ({ ...summary, model: titleOf(summary.model) }));
  const models = await forestFigure(named);
  const page = studyPage({
    kind: "auto",
    title: basename(paths.root),
    blocks: [...notes, ...blocksOf(told), { command: wishes.command }],
    figures: [await candidateFigure(selected), { caption: `Test set. ${models.caption}`, svg: models.svg }],
  });
  writeFileAtomic(paths.report, page);
}

/** Such as that volumes without a subject count as persons, so that one person may be in both train and test. */
function preparationNotes({ journal }: Way): string[] {
  const { quarantined, warnings } = preparedSchema.parse(journal.find("prepare")?.result);
  const left = `${quarantined} scans could not be read and are left out; data/dataset.json names them.`;
  return quarantined === 0 ? warnings : [left, ...warnings];
}

/** With fewer, the standard error of a mean over folds has too few degrees of freedom to rely on. */
const FEW_FOLDS = 5;

function blocksOf({ way, dataset, scans, held, planned, selected, test, summaries }: Told): Block[] {
  const { paths, journal, wishes } = way;
  const [final] = summaries;
  const groups = membersOf(selected, planned).map((name) =>
    relative(paths.root, join(paths.group(name), "report.html")),
  );
  const [candidateHead, ...candidates] = candidateRows(selected);
  const [testHead, ...tests] = testRows(scoresOf(summaries));
  return [
    {
      text:
        `${scans.scans} scans of ${scans.subjects} subjects. ${choiceText(selected)} ` +
        `Curves, calibration, subgroups and every fold: ${groups.join(", ")}, beside this page.`,
    },
    {
      table: {
        label: "candidates",
        title: "Choice on the validation sets",
        caption:
          `Each method in ${planned.folds} folds of the subjects outside the test set: trained on the other folds, scored on this one. ` +
          "SE: standard deviation over the folds divided by the root of their number. The simplest method within one SE of the best is chosen (2D before 2.5D before 3D). " +
          (planned.folds < FEW_FOLDS
            ? `An SE of ${planned.folds} folds is itself uncertain, so that chance may decide between methods that are close. `
            : "") +
          "The epoch of each training was chosen on the same validation set, so that these scores are a little too good, for all methods alike.",
        columns: candidateHead!,
        rows: candidates,
      },
    },
    {
      table: {
        label: "test",
        title: "Test set",
        caption: `${final!.volumes} volumes of ${final!.subjects} subjects${held.origin === "official" ? ", the test set that came with the data" : ", drawn by subject before anything was trained"}. After the choice, it was ${readsText(test.reads)}: the ledger of each run says when. 95 % intervals over subjects. A model is the mean of the ${planned.folds} that were trained on the folds.`,
        columns: testHead!,
        rows: tests,
      },
    },
    {
      table: {
        label: "data",
        title: "Data",
        caption: `Data set ${dataset.info.hash.slice(0, 16)}, test set ${held.origin}; audit.html has the findings of the audit.`,
        columns: ["class", "subjects", "volumes", "in the test set"],
        rows: dataRows(dataset, held),
      },
    },
    {
      table: {
        label: "plan",
        title: "Plan",
        caption: `${planned.reasons.join(" ")} The files in plan/ give the reason for each setting.`,
        columns: ["method", "epochs", "folds", "estimated for all folds"],
        rows: planned.candidates.map(({ name, epochs, seconds }) => [
          TITLES[name],
          name === "2d" ? `${epochs}, with 2.5D` : String(epochs),
          String(planned.folds),
          minutes(seconds),
        ]),
      },
    },
    {
      table: {
        label: "steps",
        title: "Steps",
        caption: `${wishes.budget === null ? "No budget was given" : `Budget ${minutes(wishes.budget)}`}. Durations are those of the call that finished the step; the time of calls that were stopped is not counted. The bundle is written after this page.`,
        columns: ["step", "took", "finished (UTC)"],
        rows: journal.entries.map(({ step, seconds, finished }) => [
          step,
          seconds < 1 ? "< 1 s" : minutes(seconds),
          finished.slice(0, 19).replace("T", " "),
        ]),
      },
    },
  ];
}

function dataRows({ info, volumes }: Dataset, { test }: Held): string[][] {
  const held = new Set(test);
  return labelsOf(info).map((label) => {
    const own = volumes.filter((volume) => volume.label === label);
    const tested = own.filter(({ id }) => held.has(id)).length;
    return [info.classes[label]!, String(subjectsOf(own)), String(own.length), String(tested)];
  });
}

/** Every fold as a ring, the mean as a dot with one standard error, and the limit of the rule as a dashed line. */
async function candidateFigure(selected: Selected): Promise<{ caption: string; svg: string }> {
  const { scores, limit, chosen, metric } = selected;
  const name = SHORT_NAMES[metric] ?? METRIC_NAMES[metric];
  const values = scores.map((one) => ({
    label: TITLES[one.name],
    mean: one.mean,
    low: one.mean - one.standardError,
    high: one.mean + one.standardError,
    colour: one.name === chosen ? PALETTE.vermillion : PALETTE.blue,
  }));
  const folds = scores.flatMap((one) => one.folds.map((score) => ({ label: TITLES[one.name], score })));
  const all = [...folds.map(({ score }) => score), ...values.flatMap(({ low, high }) => [low, high]), limit];
  const domain = [Math.floor(20 * Math.min(...all)) / 20, Math.min(1, Math.ceil(20 * Math.max(...all)) / 20)];
  const x = (field: string) => ({ field, type: "quantitative", title: null, scale: { domain, nice: false } });
  const y = {
    field: "label",
    type: "nominal",
    sort: null,
    title: null,
    scale: { domain: scores.map((one) => TITLES[one.name]) },
    axis: { ticks: false, labelPadding: 8, domain: false, grid: false },
  };
  const color = { field: "colour", type: "nominal", scale: null };
  const texts = values.map(
    ({ label, mean, low }) => `${label} ${formatNumber(mean, 3)} ± ${formatNumber(mean - low, 3)}`,
  );
  return {
    caption: `${name} on the validation sets: rings are folds, dots their mean with one standard error. The dashed line is one standard error below the best mean; the simplest method on its right is chosen (orange).`,
    svg: await drawSvg(
      {
        title: name,
        width: 420,
        height: { step: 30 },
        layer: [
          {
            data: { values: [{ limit }] },
            mark: { type: "rule", stroke: INK, strokeDash: [4, 4], strokeOpacity: 0.55 },
            encoding: { x: x("limit") },
          },
          {
            data: { values: folds },
            mark: { type: "point", size: 40, stroke: PALETTE.grey, fill: "transparent", opacity: 0.9 },
            encoding: { x: x("score"), y },
          },
          {
            data: { values },
            mark: { type: "rule", strokeWidth: 2.5 },
            encoding: { x: x("low"), x2: { field: "high" }, y, color },
          },
          {
            data: { values },
            mark: { type: "point", size: 80, opacity: 1, filled: true },
            encoding: { x: x("mean"), y, color },
          },
        ],
      },
      {
        title: "Choice on the validation sets",
        description: `${texts.join("; ")}. Limit ${formatNumber(limit, 3)}.`,
      },
    ),
  };
}
