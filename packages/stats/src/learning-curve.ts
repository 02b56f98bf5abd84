/** How a score grows with the number of training subjects. */
import { RangeOfParameterError, ShapeError } from "./errors.js";

/** error(n) = scale · n^-exponent + floor. */
export interface PowerLaw {
  scale: number;
  exponent: number;
  /** error that remains with unlimited data; at least 0 */
  floor: number;
  /** root mean square of the residuals */
  residual: number;
  /** number of fitted points, and of distinct sizes among them */
  points: number;
  sizes: number;
}

/** The range of exponents that is searched: from slower to faster than any real learning curve. */
const EXPONENTS = [0.01, 4] as const;

/**
 * Least squares fit of a decreasing power law to errors (1 - metric) at several training sizes. Cortes et al., NIPS
 * 1993; Figueroa et al., BMC Med. Inform. Decis. Mak. 12 (2012) 8. For one exponent, scale and floor follow by linear
 * least squares with both at least 0, so only the exponent is searched. With four sizes, an exponent can hardly be told
 * apart from a floor: read the curve as a description, not as a forecast beyond twice the largest size.
 * @param subjects training subjects of each run   @param errors of each run, e.g. 1 - balanced accuracy
 * @throws ShapeError where lengths differ or there are fewer than three sizes, RangeOfParameterError
 */
export function fitPowerLaw(subjects: readonly number[], errors: readonly number[]): PowerLaw {
  if (subjects.length !== errors.length)
    throw new ShapeError("fitPowerLaw: errors", `${subjects.length} values`, String(errors.length));
  subjects.forEach((n, i) => {
    if (!(n > 0 && Number.isFinite(n)))
      throw new RangeOfParameterError(`subjects[${i}]`, "a number > 0", String(n));
    if (!Number.isFinite(errors[i]))
      throw new RangeOfParameterError(`errors[${i}]`, "a number", String(errors[i]));
  });
  const sizes = new Set(subjects).size;
  if (sizes < 3)
    throw new ShapeError("fitPowerLaw: subjects", "at least three different sizes", String(sizes));
  const fit = (exponent: number) => linearPart(subjects, errors, exponent);
  const grid = Array.from(
    { length: 200 },
    (_, i) => EXPONENTS[0] * (EXPONENTS[1] / EXPONENTS[0]) ** (i / 199),
  );
  const losses = grid.map((exponent) => fit(exponent).loss);
  const best = losses.indexOf(Math.min(...losses));
  const exponent = goldenSection(
    (x) => fit(x).loss,
    grid[Math.max(0, best - 1)]!,
    grid[Math.min(199, best + 1)]!,
  );
  const { scale, floor, loss } = fit(exponent);
  return { scale, exponent, floor, residual: Math.sqrt(loss / errors.length), points: errors.length, sizes };
}

/** The error that the curve predicts for n training subjects. */
export function powerLawAt({ scale, exponent, floor }: PowerLaw, n: number): number {
  return scale * n ** -exponent + floor;
}

/** Scale and floor, both at least 0, that fit best for one exponent, and the residual sum of squares. */
function linearPart(subjects: readonly number[], errors: readonly number[], exponent: number) {
  const x = subjects.map((n) => n ** -exponent);
  const n = x.length;
  const [meanX, meanY] = [x, errors].map((values) => values.reduce((a, b) => a + b, 0) / n) as [
    number,
    number,
  ];
  const sxx = x.reduce((sum, value) => sum + (value - meanX) ** 2, 0);
  const sxy = x.reduce((sum, value, i) => sum + (value - meanX) * (errors[i]! - meanY), 0);
  const free = { scale: sxy / sxx, floor: meanY - (sxy / sxx) * meanX };
  const xx = x.reduce((sum, value) => sum + value * value, 0);
  const throughZero = {
    scale: Math.max(0, x.reduce((sum, value, i) => sum + value * errors[i]!, 0) / xx),
    floor: 0,
  };
  const flat = { scale: 0, floor: Math.max(0, meanY) };
  const loss = ({ scale, floor }: { scale: number; floor: number }) =>
    x.reduce((sum, value, i) => sum + (scale * value + floor - errors[i]!) ** 2, 0);
  const allowed = free.scale >= 0 && free.floor >= 0 ? [free] : [throughZero, flat];
  return allowed.map((part) => ({ ...part, loss: loss(part) })).reduce((a, b) => (b.loss < a.loss ? b : a));
}

function goldenSection(loss: (x: number) => number, low: number, high: number): number {
  const ratio = (Math.sqrt(5) - 1) / 2;
  let [left, right] = [high - ratio * (high - low), low + ratio * (high - low)];
  let [lossLeft, lossRight] = [loss(left), loss(right)];
  for (let step = 0; step < 100; step++) {
    if (lossLeft <= lossRight) {
      [high, right, lossRight] = [right, left, lossLeft];
      left = high - ratio * (high - low);
      lossLeft = loss(left);
    } else {
      [low, left, lossLeft] = [left, right, lossRight];
      right = low + ratio * (high - low);
      lossRight = loss(right);
    }
  }
  return (low + high) / 2;
}
