/**
 * A reporting checklist, filled in with what is known from a run. Items are numbered as in CLAIM (2024 update: Tejani et
 * al., Radiology: Artificial Intelligence 6 (2024) e240300) and TRIPOD+AI (Collins et al., BMJ 385 (2024) e078378). The
 * wording is Slicestack's, so the originals must be consulted, too.
 */
import {
  calibrationFact,
  ledgerFact,
  mainSummary,
  performance,
  protocolFact,
  splitFact,
  subgroupFact,
  TO_FILL,
} from "./facts.js";
import type { ReportInput } from "./report-input.js";
import { costFacts } from "./sections/cost.js";
import { escapeMarkdown } from "../page/format.js";
import { modelName } from "../evaluate/metric-names.js";

interface Item {
  /** Numbers in both lists; empty if a list does not have the item. */
  claim: string;
  tripod: string;
  asks: string;
  /** null: cannot be known from a run */
  answer: string | null;
}

export function checklist(input: ReportInput): string {
  const items = itemsOf(input);
  const known = items.filter(({ answer }) => answer !== null).length;
  const rows = items.map(
    ({ claim, tripod, asks, answer }) =>
      `| ${claim} | ${tripod} | ${escapeMarkdown(asks)} | ${escapeMarkdown(answer ?? TO_FILL)} |`,
  );
  return [
    `# Reporting checklist: ${escapeMarkdown(input.title)}`,
    "",
    `${known} of ${items.length} items are answered from the run; the others say "${TO_FILL}". Item numbers are those of CLAIM (2024) and TRIPOD+AI; the wording is Slicestack's, so consult the originals, too. An answer says what was done, not that it was right.`,
    "",
    "| CLAIM | TRIPOD+AI | item | answer |",
    "|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}

function itemsOf(input: ReportInput): Item[] {
  const item = (claim: string, tripod: string, asks: string, answer: string | null = null): Item => ({
    claim,
    tripod,
    asks,
    answer,
  });
  const { dataset, task, mainModel, environment, analysis, cost } = input;
  const main = mainSummary(input);
  const software = Object.entries(environment)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");
  const { resamples, level } = main.bootstrap;
  const small = main.perClass
    .filter((entry) => entry.small)
    .map(({ name, subjects }) => `${name} (n = ${subjects})`);
  const vote = analysis.votes;
  return [
    item("1", "1", "title that identifies the study as machine learning, its kind, population and purpose"),
    item("2", "2", "structured abstract"),
    item("3", "3a-3b", "background, clinical purpose and place of the model in care"),
    item("", "3c", "known health inequalities between groups"),
    item("4, 6", "4", "aims, hypotheses; whether a model is developed, evaluated, or both"),
    item("5", "5a-5b", "study design, prospective or retrospective; dates of the data"),
    item(
      "7",
      "5a, 6a",
      "sources and settings of the data",
      `data set ${dataset.name} (${dataset.contents}), hash ${dataset.hash}; sites and dates: ${TO_FILL}`,
    ),
    item("8", "6b-6c", "inclusion and exclusion criteria, and treatments"),
    item(
      "9",
      "7",
      "preparation of the images",
      "dataset.json has the recipe of the preparation; windowing, size and augmentation: `transform` in the configuration of the report",
    ),
    item(
      "10",
      "9a",
      "parts of the images that were used",
      "all slices of the prepared volumes; a crop, if there is one, is in dataset.json and subjects.csv",
    ),
    item(
      "11",
      "",
      "de-identification",
      `names, birth dates and addresses of DICOM files are never read, patient ids are stored as salted hashes; earlier de-identification: ${TO_FILL}`,
    ),
    item(
      "12",
      "11",
      "missing data",
      `damaged or incomplete series are refused or quarantined, with the reason${input.warnings.some((text) => text.includes("quarantined")) ? " (warnings of the report)" : "; none in this data set"}`,
    ),
    item(
      "13",
      "9c",
      "acquisition of the images",
      `spacing and shape of every volume are in subjects.csv; scanners and protocols: ${TO_FILL}`,
    ),
    item(
      "14-15",
      "8a",
      "reference standard: definition and rationale",
      `classes ${task.classes.join(", ")}; how they were determined: ${TO_FILL}`,
    ),
    item("16-17", "8b", "annotators, their qualification and blinding"),
    item("18", "", "agreement between annotators"),
    item(
      "19-20",
      "12a, 16",
      "partitions, and the level at which they are disjoint",
      `${splitFact(input)}; no subject is in two parts`,
    ),
    item(
      "21",
      "10",
      "sample size and its rationale",
      `${main.subjects} subjects and ${main.volumes} volumes are scored${small.length === 0 ? "" : `; fewer than 10 of ${small.join(", ")}`}; the rationale: ${TO_FILL}`,
    ),
    item(
      "22",
      "12c, 15, 22",
      "the model: architecture, input, output, decision rule",
      `${modelName(mainModel)}; configuration and weights are in the run folder; ${input.task.classes.length === 2 ? "class probabilities, with thresholds that were frozen on val" : "class probabilities; the decision is the most probable class"}`,
    ),
    item("23", "", "software and hardware", software),
    item(
      "24",
      "12c",
      "initial weights",
      "`checkpoint`, `slice.pretrained` and `init_from` in the configuration of the report",
    ),
    item(
      "25",
      "12c",
      "training: augmentation, optimiser, schedule, loss, epochs",
      "the configuration and the training curves of the report",
    ),
    item(
      "26",
      "12d",
      "selection of the final model",
      "the epoch of the best score on val (`select` in the configuration); test is not used",
    ),
    item("27", "12c", "ensembles", "none: one trained model"),
    item(
      "",
      "13",
      "class imbalance",
      analysis.calibration === null
        ? "`weighted_sampler`, `weighted_loss` in the configuration"
        : analysis.calibration.priors === null
          ? "`weighted_sampler`, `weighted_loss` in the configuration; no prior correction is needed"
          : "balanced in training; probabilities are also reported with correction for the prior of the train part",
    ),
    item(
      "28",
      "12e",
      "metrics and their rationale",
      "discrimination, agreement, calibration, decisions: docs/explanation/statistics.md explains each metric and when it misleads",
    ),
    item(
      "29",
      "12e",
      "uncertainty and tests",
      `${Math.round(100 * level)} % intervals: Wilson for proportions (with the design effect if subjects have several volumes) and, combined, for the balanced accuracy, otherwise by the standard error of a bootstrap over subjects (${resamples} resamples); paired tests with Holm’s adjustment`,
    ),
    item("30", "12e", "robustness", protocolFact(input)),
    item(
      "31",
      "",
      "explanation of decisions",
      "weights or votes of the slices, shown for the most confident errors and for examples",
    ),
    item("32", "16", "test on internal data", input.external ? "in the run’s own report" : ledgerFact(input)),
    item(
      "33",
      "12f",
      "test on external data",
      input.external ? performance(input) : `not in this report: slicestack evaluate RUN --data OTHER`,
    ),
    item("34", "17, 18d", "registration and ethical approval"),
    item(
      "",
      "12g",
      "changes to the model after the evaluation",
      "none by Slicestack: the hashes of the evaluated weights are in the ledger",
    ),
    item("", "14", "fairness: approach", subgroupFact(input)),
    item(
      "35",
      "20a",
      "flow of participants: included, excluded",
      `flow diagram and counts of each part and class are in the report; exclusions before the data were read: ${TO_FILL}`,
    ),
    item(
      "36",
      "20b-20c",
      "age, sex and clinical state, by part",
      input.participants === null
        ? null
        : `age, sex and site from the labels file: see Participants in the report; clinical state: ${TO_FILL}`,
    ),
    item("37-38", "23a", "performance with uncertainty", performance(input)),
    item("", "23a", "calibration", calibrationFact(input)),
    item("", "23b", "differences between groups or sites", subgroupFact(input)),
    item(
      "39",
      "",
      "failures",
      analysis.failures.length === 0
        ? "no error on the scored part"
        : `the ${analysis.failures.length} most confident errors are in the report, with slices; their causes: ${TO_FILL}`,
    ),
    item(
      "",
      "",
      "the published 2D baseline",
      vote === null
        ? "no slice model votes in this run"
        : `count vote, threshold ${vote.best.numerator} of ${vote.slices} slices chosen on val`,
    ),
    item("", "21", "participants and events of the development", splitFact(input)),
    item(
      "",
      "",
      "cost",
      cost === null
        ? null
        : costFacts(cost)
            .map(([name, text]) => `${name}: ${text}`)
            .join("; "),
    ),
    item("", "24", "updates of the model"),
    item("40", "26", "limitations, bias, generalisability"),
    item("41", "25", "implications for practice, given the aims and other studies"),
    item("", "27a-27c", "handling of poor or missing input; required expertise; next steps"),
    item("42", "18c", "availability of the study protocol"),
    item(
      "43",
      "18e-18f",
      "availability of software, model and data",
      "Slicestack is open source (MIT); the run folder contains configuration, split, weights and predictions; where these are published: " +
        TO_FILL,
    ),
    item("44", "18a-18b", "funding and interests"),
    item("", "19", "involvement of patients and the public"),
  ];
}
