/** Formats the result of `slicestack explain` for a terminal. */
import { aligned, counted } from "../inspect/number-text.js";
import type { ExplainResult } from "./explain-result.js";
import type { SubjectExplained } from "./subject.js";
import { MAP_NAMES, signed } from "./summary.js";

export function explainText(result: ExplainResult): string {
  const { explained, layer, baseline, steps, subjects, summary, out, files, classes } = result;
  const head = [
    `Explained: ${explained}.`,
    `Grad-CAM: ${layer}. Integrated gradients: from ${baseline}, ${steps} steps.`,
  ];
  const rows = [
    ["volume", "true", "predicted", "explained", "probability", "strongest slices"],
    ...subjects.map((one) => [
      one.id,
      classes[one.label]!,
      classes[one.predicted]!,
      classes[one.target]!,
      one.probabilities[one.target]!.toFixed(2),
      strongest(one),
    ]),
  ];
  const checks = summary.maps.map(
    ({ kind, deletion, insertion, randomised }) =>
      `${MAP_NAMES[kind]}, better than a random order by: deletion ${signed(deletion)}, insertion ${signed(insertion)}; rank correlation with random weights ${signed(randomised)}`,
  );
  const warnings = summary.warnings.map((warning) => `Warning: ${warning}`);
  return [
    ...head,
    "",
    aligned(rows, [4]),
    "",
    ...checks,
    ...warnings,
    `Written: ${counted(files.length, "file")} in ${out}`,
  ].join("\n");
}

/** The three slices whose absence lowers the log-odds of the class most, counted from 1. */
function strongest({ slices, models }: SubjectExplained): string {
  if (models !== undefined && slices.length === 0) return "the models see different slices";
  const axial = slices.flatMap(({ place, leftOut, air }) =>
    place === null ? [] : [{ place, value: leftOut ?? air }],
  );
  const best = axial
    .sort((a, b) => b.value - a.value)
    .slice(0, 3)
    .filter(({ value }) => value > 0);
  return (
    best.map(({ place, value }) => `${Math.round(place) + 1} (+${value.toFixed(2)})`).join(", ") || "none"
  );
}
