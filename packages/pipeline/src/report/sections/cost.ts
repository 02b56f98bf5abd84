/** The cost of the model: training, memory and prediction. */
import { shortBytes, shortCount } from "../../models/model-facts.js";
import type { CostReport } from "../../evaluate/cost.js";
import { definitions, html, table, type Html } from "../../page/html.js";
import type { ReportInput } from "../report-input.js";
import { plural } from "./shared.js";

export function cost({ cost: report }: ReportInput): Html | undefined {
  if (report === null) return undefined;
  const rows = report.parts.map(({ name, parameters, multiplyAdds, timesAVolume }) => ({
    name,
    cells: [
      shortCount(parameters),
      shortCount(multiplyAdds),
      String(timesAVolume),
      shortCount(2 * multiplyAdds * timesAVolume),
    ],
  }));
  const columns = [
    "part",
    "parameters",
    "multiply-adds per pass",
    "passes per volume",
    "FLOPs per volume",
  ].map((name, k) => ({
    name,
    count: k > 0,
  }));
  return html`${definitions(costFacts(report))}
  ${table("Parts of the main model, counted in their forward pass; a multiply-add is two FLOPs. Normalisation, activations and pooling are not counted, as is usual.", columns, rows)}`;
}

/** Terms and values; also used in the model card. */
export function costFacts(report: CostReport): (readonly [string, string])[] {
  const { parameters, multiplyAdds, secondsAVolume, timed, device, threads, peakMemory, training } = report;
  const where = `${device}, ${plural(threads, "thread")}`;
  const stages = training.map(
    ({ stage, epochs, seconds }) => `${stage} ${duration(seconds)} for ${plural(epochs, "epoch")}`,
  );
  return [
    ["Parameters", shortCount(parameters)],
    ["FLOPs per volume", `${shortCount(2 * multiplyAdds)} (${shortCount(multiplyAdds)} multiply-adds)`],
    [
      "Time per volume",
      `${seconds(secondsAVolume)} from stored slices to probabilities (median of ${timed}, one at a time, ${where})`,
    ],
    ["Peak memory of evaluation", `${shortBytes(peakMemory)}, for the whole process`],
    [
      "Peak memory of training",
      report.trainingPeakMemory === null
        ? "not recorded"
        : `${shortBytes(report.trainingPeakMemory)}, for the whole process`,
    ],
    [
      "Training time",
      `${duration(report.trainingSeconds)}${stages.length === 0 ? "" : `: ${stages.join(", ")}`}`,
    ],
  ];
}

const seconds = (value: number): string =>
  value < 1 ? `${Number((1000 * value).toPrecision(2))} ms` : `${value.toPrecision(3)} s`;

/** "12 s", "4 min 10 s", "2 h 5 min". */
function duration(total: number): string {
  const whole = Math.round(total);
  if (whole < 60) return `${total < 10 ? Number(total.toPrecision(2)) : whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
