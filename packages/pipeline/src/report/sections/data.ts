/** The data, the split, and how often the test part was read. */
import { definitions, html, nothing, table, type Html } from "../../page/html.js";
import type { Participants } from "../participants.js";
import type { ReportInput } from "../report-input.js";
import { figure, figuresOf } from "./shared.js";

export function data(input: ReportInput): Html {
  const { dataset, split, task, participants } = input;
  const caption = "Subjects and volumes of each part. No subject is in two parts.";
  return html`${figuresOf(input, "data").map(figure)}
  ${dataAndSplit(dataset, split, task.classes, caption)}${tableOne(participants)}`;
}

/** Characteristics of the subjects, by part. */
export function tableOne(participants: Participants | null): Html {
  if (participants === null) return nothing;
  const { columns, rows } = participants;
  const shown = rows.map(([name = "", ...cells]) => ({ name, cells }));
  const heads = columns.map((name) => ({ name }));
  const caption =
    "Subjects of each part, by the columns of the labels file: number (share), or median [quartiles].";
  return html`<h3>Participants</h3>
    ${table(caption, heads, shown)}`;
}

/** Subjects and volumes of each part, then what identifies data and split; for runs and groups. */
export function dataAndSplit(
  dataset: Pick<ReportInput["dataset"], "name" | "hash" | "attribution"> & { contents?: string },
  split: ReportInput["split"],
  classes: readonly string[],
  caption: string,
): Html {
  const columns = [
    { name: "part" },
    { name: "subjects", count: true },
    { name: "volumes", count: true },
    ...classes.map((name) => ({ name, note: "subjects / volumes", count: true })),
  ];
  const rows = split.parts.map(({ part, subjects, volumes, byClass }) => ({
    name: part,
    cells: [
      String(subjects),
      String(volumes),
      ...byClass.map((count) => `${count.subjects} / ${count.volumes}`),
    ],
  }));
  return html`${table(caption, columns, rows)}
  ${definitions([
    ["Data set", dataset.name],
    ...(dataset.contents === undefined ? [] : [["Contents", dataset.contents] as const]),
    ["Data set hash", html`<code>${dataset.hash}</code>`],
    ["Split", `by subject, seed ${split.seed}`],
    ["Split hash", html`<code>${split.hash}</code>`],
    ...(dataset.attribution === undefined ? [] : [["Attribution", dataset.attribution] as const]),
  ])}`;
}

/** How often the test part was read, when, and by which command. */
export function testUse({ ledger, protocol, dataset, external }: ReportInput): Html {
  const { count, reads } = ledger;
  const readText =
    count === 0
      ? "The run’s test part has not been read."
      : count === 1
        ? "The test part was read once, after every choice (best epoch, thresholds, hyperparameters) was made on the validation part."
        : `The test part has been read ${count} times. If anything was changed after an earlier reading, these scores are too optimistic: confirm them on new data.`;
  const scopeText = external
    ? ` This report scores another data set, ${dataset.name}.`
    : protocol === "paper"
      ? " This report scores the validation part."
      : "";
  const rows = reads.map(({ time, command, weights }, k) => ({
    name: String(k + 1 + count - reads.length),
    cells: [
      time.replace("T", " ").slice(0, 19),
      html`<code>${command}</code>`,
      html`<code>${digest(weights)}</code>`,
    ],
  }));
  const columns = ["reading", "when, UTC", "command", "weights"].map((name) => ({ name }));
  return html`<p>${readText}${scopeText}</p>
    ${rows.length === 0 ? nothing : table("The ledger of the test part (test-reads.jsonl). It covers this run only, not others on the same split.", columns, rows)}`;
}

function digest(weights: Record<string, string>): string {
  return Object.entries(weights)
    .map(([stage, hash]) => `${stage} ${hash.slice(0, 8)}`)
    .join(", ");
}
