/** Formats an audit for a terminal. */
import { formatEstimate } from "../page/format.js";
import type { Audit } from "./audit.js";

export function auditText({ dataset, balance, acquisition, values, findings }: Audit): string {
  const split = balance.some(({ parts }) => parts !== null);
  const classes = [
    ["class", "subjects", "volumes", ...(split ? ["train", "val", "test"] : [])],
    ...balance.map(({ class: name, subjects, volumes, parts }) => [
      name,
      ...[subjects, volumes, ...(parts === null ? [] : [parts.train, parts.val, parts.test])].map(String),
    ]),
  ];
  const facts = acquisition
    .slice(0, 8)
    .map(({ name, auroc, suspicious }) => [suspicious ? "!" : " ", name, formatEstimate(auroc)]);
  const byClass = [
    ["class", "smallest", "1st percentile", "mean", "median", "99th percentile", "largest"],
    ...values.classes.map(({ class: name, least, p1, mean, p50, p99, most }) => [
      name,
      ...[least, p1, mean, p50, p99, most].map((value) => String(Number(value.toPrecision(4)))),
    ]),
  ];
  return [
    `${dataset.name}: ${dataset.volumes} volumes of ${dataset.subjects} subjects`,
    "",
    columns(classes),
    ...(facts.length === 0
      ? []
      : [
          "",
          "AUROC for the label by properties of the acquisition alone (0.5 = no relation):",
          columns(facts),
        ]),
    ...(values.classes.length === 0
      ? []
      : ["", `values${dataset.unit === "HU" ? " in HU" : ""}, the median of each class:`, columns(byClass)]),
    "",
    ...(findings.length === 0
      ? ["No problems were found in this data set."]
      : findings.map(({ severity, text }) => `${severity === "error" ? "ERROR" : severity}: ${text}`)),
  ].join("\n");
}

function columns(rows: readonly string[][]): string {
  const widths = rows[0]!.map((_, k) => Math.max(...rows.map((row) => row[k]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, k) => cell.padEnd(widths[k]!))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
