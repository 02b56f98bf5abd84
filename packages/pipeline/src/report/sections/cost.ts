/** What the model costs: to train, to hold, to ask. */
import { shortBytes, shortCount } from "../../models/model-facts.js";
import type { CostReport } from "../../evaluate/cost.js";
import { definitions, html, table, type Html } from "../../page/html.js";
import type { ReportInput } from "../report-input.js";
import { plural } from "./shared.js";

export function cost({ cost: found }: ReportInput): Html | undefined {
  if (found === null) return undefined;
  const rows = found.parts.map(({ name, parameters, multiplyAdds, timesAVolume }) => ({
    name,
    cells: [
      shortCount(parameters),
      shortCount(multiplyAdds),
      String(timesAVolume),
      shortCount(2 * multiplyAdds * timesAVolume),
    ],
  }));
  const columns = ["part", "parameters", "multiply-adds a time", "times a volume", "FLOPs a volume"].map((name, k) => ({
    name,
    count: k > 0,
  }));
  return html`${definitions(costFacts(found))}
  ${table("Parts of the main model, counted from their own forward pass; a multiply-add is two FLOPs. Norms, activations and pooling are left out, as is usual.", columns, rows)}`;
}

/** Terms and what they are; in the model card too. */
export function costFacts(found: CostReport): (readonly [string, string])[] {
  const { parameters, multiplyAdds, secondsAVolume, timed, device, threads, peakMemory, training } = found;
  const where = `${device}, ${plural(threads, "thread")}`;
  const stages = training.map(
    ({ stage, epochs, seconds }) => `${stage} ${duration(seconds)} for ${plural(epochs, "epoch")}`,
  );
  return [
    ["Parameters", shortCount(parameters)],
    ["FLOPs a volume", `${shortCount(2 * multiplyAdds)} (${shortCount(multiplyAdds)} multiply-adds)`],
    [
      "Time a volume",
      `${seconds(secondsAVolume)} from stored slices to probabilities (median of ${timed}, one at a time, ${where})`,
    ],
    ["Peak memory of evaluation", `${shortBytes(peakMemory)}, of the whole process`],
    [
      "Peak memory of training",
      found.trainingPeakMemory === null
        ? "not written down"
        : `${shortBytes(found.trainingPeakMemory)}, of the whole process`,
    ],
    ["Training time", `${duration(found.trainingSeconds)}${stages.length === 0 ? "" : `: ${stages.join(", ")}`}`],
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
