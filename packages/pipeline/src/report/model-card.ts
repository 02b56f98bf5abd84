/** A model card in Markdown. Mitchell et al., Model Cards for Model Reporting, FAccT 2019; sections in our own words. */
import { calibrationFact, ledgerFact, performance, protocolFact, splitFact, subgroupFact, TO_FILL } from "./facts.js";
import type { ReportInput } from "./report-input.js";
import { costFacts } from "./sections/cost.js";
import { escapeMarkdown } from "../page/format.js";
import { markdownTable } from "./summary-tables.js";
import { modelName } from "../evaluate/metric-names.js";

export function modelCard(input: ReportInput): string {
  const { title, created, task, dataset, environment, analysis } = input;
  const list = (entries: readonly (readonly [string, string | null])[]) =>
    entries.map(([name, text]) => `- **${name}**: ${escapeMarkdown(text ?? TO_FILL)}`);
  const warned = [...new Set([...input.warnings, ...input.models.flatMap(({ warnings }) => warnings)])];
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
      "What it is for",
      list([
        ["Intended use and users", null],
        ["Not for", "diagnosis or any other clinical decision: it is a research result, not a medical device"],
        [
          "Scans it may be given",
          `scans like those it was trained on (${dataset.contents}); which those are: ${TO_FILL}`,
        ],
      ]),
    ],
    [
      "Data",
      list([
        ["Data set", `${dataset.name}, ${dataset.contents}, hash ${dataset.hash.slice(0, 16)}`],
        ["Split", splitFact(input)],
        ["Where the scans come from, consent, licence", dataset.attribution ?? null],
        ["Who labelled them, and how", null],
      ]),
    ],
    [
      "How good it is",
      [
        ...list([
          ["Performance", performance(input)],
          ["Use of the test part", ledgerFact(input)],
          ["Optimism of the published protocol", protocolFact(input) ?? "not measured in this report"],
          ["Calibration", calibrationFact(input)],
          ["Subgroups", subgroupFact(input) ?? `none was scored; ${TO_FILL}, or name columns with --subgroup`],
          [
            "Errors",
            errors === 0 ? "none on the scored part" : `the ${errors} most confident ones are listed in report.html`,
          ],
        ]),
        "",
        markdownTable(input.models, input.differences),
      ],
    ],
    ["Cost", input.cost === null ? list([["Cost", null]]) : list(costFacts(input.cost))],
    [
      "Limits and risks",
      [
        ...(warned.length === 0 ? [] : warned.map((text) => `- ${escapeMarkdown(text)}`)),
        "- The intervals are about other subjects of the same kind; they know nothing of another hospital, scanner or year.",
        ...list([["Harms that errors would do, and to whom", null]]),
      ],
    ],
  ];
  return [
    `# Model card: ${escapeMarkdown(title)}`,
    "",
    ...sections.flatMap(([name, lines]) => [`## ${name}`, "", ...lines, ""]),
  ].join("\n");
}
