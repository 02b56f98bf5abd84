/**
 * Selective prediction: the model answers only where it is confident, and leaves the rest to a person. Coverage is the
 * share that it answers, risk the share of wrong answers among them.
 */
import { RangeOfParameterError } from "../errors.js";
import { checkScores } from "../metrics/check.js";
import { sortConfidences, type Forecasts } from "../calibration/reliability.js";

/** One point for each distinct confidence, from the most confident volumes to all. */
export interface RiskCoverage {
  /** share of volumes answered */
  coverage: number[];
  /** share of these answers that are wrong */
  risk: number[];
  /** a volume is answered at or above this confidence */
  confidence: number[];
}

/**
 * El-Yaniv & Wiener, J. Mach. Learn. Res. 11 (2010) 1605; confidence is the probability of the predicted class
 * (Geifman & El-Yaniv, NeurIPS 2017). Volumes of equal confidence are answered together.
 * @throws the errors of checkScores
 */
export function riskCoverage(
  labels: readonly number[],
  probabilities: readonly (readonly number[])[],
): RiskCoverage {
  checkScores(labels, probabilities, probabilities[0]?.length ?? 0);
  const curve: RiskCoverage = { coverage: [], risk: [], confidence: [] };
  fromSurest(
    sortConfidences(labels, probabilities),
    undefined,
    (answered, wrong, _tied, _tiedWrong, confidence) => {
      curve.coverage.push(answered / labels.length);
      curve.risk.push(wrong / answered);
      curve.confidence.push(confidence);
    },
  );
  return curve;
}

/**
 * Risk where the most confident share `coverage` of the volumes is answered. Where only a part of a group of equal
 * confidences fits, that part has the group's share of errors.
 * @throws RangeOfParameterError unless 0 < coverage <= 1
 */
export function riskAt(sorted: Forecasts, coverage: number, weights?: Float64Array): number {
  if (!(coverage > 0 && coverage <= 1))
    throw new RangeOfParameterError("coverage", "above 0, at most 1", String(coverage));
  const total = sorted.index.length === 0 ? 0 : totalWeight(sorted, weights);
  const wanted = coverage * total;
  let risk = Number.NaN;
  fromSurest(sorted, weights, (answered, wrong, tied, tiedWrong) => {
    const before = answered - tied;
    if (tied === 0 || before >= wanted) return;
    const taken = Math.min(tied, wanted - before);
    risk = (wrong - tiedWrong + (tiedWrong * taken) / tied) / (before + taken);
  });
  return risk;
}

/**
 * Area under the risk-coverage curve: the mean risk over answering the 1, 2, ..., n most confident volumes. Geifman,
 * Uziel & El-Yaniv, ICLR 2019. It mixes accuracy with ordering: compare it with the best value for the same accuracy
 * (`bestAreaUnderRiskCoverage`). Volumes of equal confidence count in mean order, so that rows may come in any order.
 * @param weights whole numbers, how often each volume counts   @returns 0..1
 */
export function areaUnderRiskCoverage(sorted: Forecasts, weights?: Float64Array): number {
  let sum = 0;
  let total = 0;
  fromSurest(sorted, weights, (answered, wrong, tied, tiedWrong) => {
    if (tied === 0) return;
    // Σ over j = 1..tied of (W + j e) / (K + j), with W errors among the K volumes before, and e the group's share of
    // errors.
    const before = answered - tied;
    const share = tiedWrong / tied;
    sum += share * tied + (wrong - tiedWrong - share * before) * (harmonic(answered) - harmonic(before));
    total = answered;
  });
  return sum / total;
}

/**
 * The smallest area that a model of this error rate can have: all its errors are among its least confident answers.
 * @param wrong number of wrong volumes   @param volumes number of volumes
 */
export function bestAreaUnderRiskCoverage(wrong: number, volumes: number): number {
  const right = volumes - wrong;
  return (wrong - right * (harmonic(volumes) - harmonic(right))) / volumes;
}

const harmonics = [0];

/** 1 + 1/2 + ... + 1/n */
function harmonic(n: number): number {
  for (let k = harmonics.length; k <= n; k++) harmonics.push(harmonics[k - 1]! + 1 / k);
  return harmonics[n]!;
}

function totalWeight({ index }: Forecasts, weights: Float64Array | undefined): number {
  if (weights === undefined) return index.length;
  let total = 0;
  for (let k = 0; k < index.length; k++) total += weights[index[k]!]!;
  return total;
}

/**
 * Groups of equal confidence in descending order, with the sums up to and including each group and those of the group
 * alone.
 */
function fromSurest(
  { index, confidence, correct }: Forecasts,
  weights: Float64Array | undefined,
  visit: (answered: number, wrong: number, tied: number, tiedWrong: number, confidence: number) => void,
): void {
  let [answered, wrong, tied, tiedWrong] = [0, 0, 0, 0];
  for (let k = index.length - 1; k >= 0; k--) {
    const weight = weights === undefined ? 1 : weights[index[k]!]!;
    tied += weight;
    tiedWrong += weight * (1 - correct[k]!);
    if (k > 0 && confidence[k - 1] === confidence[k]) continue;
    answered += tied;
    wrong += tiedWrong;
    visit(answered, wrong, tied, tiedWrong, confidence[k]!);
    [tied, tiedWrong] = [0, 0];
  }
}
