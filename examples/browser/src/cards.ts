/** What the page shows of a model and of a result. */
import { decideVolume, predictionSet } from "@slicestack/stats";
import type { GraphFacts, OnnxScanResult } from "@slicestack/volume/onnx";
import { node } from "./node.js";
import { sliceView } from "./slice-view.js";

const pairs = (rows: readonly (readonly [string, string])[]): HTMLElement[] =>
  rows.flatMap(([term, text]) => [node("dt", {}, term), node("dd", {}, text)]);

export function modelFacts(
  { name, method, classes, licence, input }: GraphFacts,
  isCalibrated: boolean,
): HTMLElement[] {
  return pairs([
    ["Name", name],
    ["Method", method.toUpperCase()],
    ["Classes", classes.join(", ")],
    ["Trained on", input.unit === "HU" ? "CT in Hounsfield units" : "values without a unit"],
    ["Probabilities", isCalibrated ? "calibrated on the validation set" : "not calibrated"],
    ["Licence", licence],
  ]);
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

export function resultCard(result: OnnxScanResult, model: GraphFacts): HTMLElement {
  const { probabilities, uncalibrated, warnings, scan, seconds } = result;
  const raw = model.classes.map((name) => uncalibrated[name]!);
  const decision = decideVolume(model.classes, raw, model.thresholds);
  const set = predictionSet(model.classes, raw, model.sets);
  const rule =
    decision.threshold === null
      ? "the class with the largest probability"
      : `uncalibrated probability of ${model.classes[1]} ${raw[1]!.toFixed(3)}, threshold ` +
        `${decision.threshold.toFixed(3)} (${decision.rule})`;
  const rows = [
    ["Decided by", rule],
    ...(set === null ? [] : [["Prediction set", setText(set)] as const]),
    [
      "Scan",
      `${scan.shape.join(" x ")} voxels of ${scan.spacing.map((mm) => Number(mm.toFixed(3))).join(" x ")} mm`,
    ],
    ["Time", `${seconds.prepare.toFixed(1)} s to prepare, ${seconds.predict.toFixed(1)} s to predict`],
  ] as const;
  return node(
    "article",
    { "data-id": result.id, "data-probabilities": JSON.stringify(probabilities) },
    node("p", { class: "source" }, result.source),
    node("h3", {}, decision.class),
    probabilityTable(probabilities, decision.class, result.calibrated),
    ...warnings.map(({ message }) => node("p", { class: "warning" }, `Note: ${message}.`)),
    node("dl", {}, ...pairs(rows)),
    sliceView(result, model),
  );
}

const setText = ({ classes, miss }: { classes: string[]; miss: number }): string =>
  `${classes.length === 0 ? "empty: unlike every validation scan" : classes.join(", ")} (misses the true class in ` +
  `about ${percent(miss)} of scans like those of validation)`;

function probabilityTable(
  probabilities: Record<string, number>,
  decided: string,
  isCalibrated: boolean,
): HTMLElement {
  const rows = Object.entries(probabilities).map(([name, share]) => {
    const meter = node("meter", {
      min: "0",
      max: "1",
      value: String(share),
      "aria-label": `Probability of ${name}`,
    });
    const cells = [node("th", { scope: "row" }, name), node("td", {}, meter), node("td", {}, percent(share))];
    return node("tr", name === decided ? { class: "decided" } : {}, ...cells);
  });
  const caption = node(
    "caption",
    {},
    isCalibrated ? "Calibrated probabilities" : "Probabilities, not calibrated",
  );
  return node("table", {}, caption, node("tbody", {}, ...rows));
}

export const failureCard = (source: string, reason: string): HTMLElement =>
  node(
    "article",
    { class: "failed" },
    node("p", { class: "source" }, source),
    node("p", {}, `Not predicted: ${reason}`),
  );

export function setAsideCard(files: readonly { name: string; reason: string }[]): HTMLElement {
  const summary = files.length === 1 ? "1 file is not a scan" : `${files.length} files are not scans`;
  const rows = files.map(({ name, reason }) => node("li", {}, `${name}: ${reason}`));
  return node("details", {}, node("summary", {}, summary), node("ul", {}, ...rows));
}
