/** A model card in Markdown. Mitchell et al., Model Cards for Model Reporting, FAccT 2019; sections in Slicestack's words. */
import {
  calibrationFact,
  ledgerFact,
  performance,
  protocolFact,
  splitFact,
  subgroupFact,
  TO_FILL,
} from "./facts.js";
import type { ReportInput } from "./report-input.js";
import { costFacts } from "./sections/cost.js";
import { escapeMarkdown } from "../page/format.js";
import { markdownTable } from "./summary-tables.js";
import { modelName } from "../evaluate/metric-names.js";

export function modelCard(input: ReportInput): string {
  const { title, created, task, dataset, environment, analysis } = input;
  const list = (entries: readonly (readonly [string, string | null])[]) =>
    entries.map(([name, text]) => `- **${name}**: ${escapeMarkdown(text ?? TO_FILL)}`);
  const allWarnings = [...new Set([...input.warnings, ...input.models.flatMap(({ warnings }) => warnings)])];
  const errors = analysis.failures.length;
  const sections: [string, string[]][] = [
    [
      "The model",
      list([
        ["Name", title],
        ["Kind", `${modelName(input.mainModel)} classifier of CT volumes`],
        ["Task", task.description],
        ["Evaluated", created.slice(0, 10)],
        [
          "Software",
          Object.entries(environment)
            .map(([name, value]) => `${name} ${value}`)
            .join(", "),
        ],
        ["Authors, contact, licence of the weights", null],
      ]),
    ],
    [
      "Intended use",
      list([
        ["Use and users", null],
        [
          "Not for",
          "diagnosis or any other clinical decision: it is a research result, not a medical device",
        ],
        [
          "Input scans",
          `scans like those of the training data (${dataset.contents}); their description: ${TO_FILL}`,
        ],
      ]),
    ],
    [
      "Data",
      list([
        ["Data set", `${dataset.name}, ${dataset.contents}, hash ${dataset.hash.slice(0, 16)}`],
        ["Split", splitFact(input)],
        ["Origin of the scans, consent, licence", dataset.attribution ?? null],
        ["Annotators and labelling procedure", null],
      ]),
    ],
    [
      "Performance",
      [
        ...list([
          ["Scores", performance(input)],
          ["Use of the test part", ledgerFact(input)],
          ["Optimism of the published protocol", protocolFact(input) ?? "not measured in this report"],
          ["Calibration", calibrationFact(input)],
          [
            "Subgroups",
            subgroupFact(input) ?? `none were scored; ${TO_FILL}, or name columns with --subgroup`,
          ],
          [
            "Errors",
            errors === 0
              ? "none on the scored part"
              : `the ${errors} most confident errors are listed in report.html`,
          ],
        ]),
        "",
        markdownTable(input.models, input.differences),
      ],
    ],
    ["Cost", input.cost === null ? list([["Cost", null]]) : list(costFacts(input.cost))],
    [
      "Limitations and risks",
      [
        ...(allWarnings.length === 0 ? [] : allWarnings.map((text) => `- ${escapeMarkdown(text)}`)),
        "- The intervals apply to other subjects of the same kind; they do not cover another hospital, scanner or year.",
        ...list([["Possible harms of errors, and who would be affected", null]]),
      ],
    ],
  ];
  return [
    `# Model card: ${escapeMarkdown(title)}`,
    "",
    ...sections.flatMap(([name, lines]) => [`## ${name}`, "", ...lines, ""]),
  ].join("\n");
}
