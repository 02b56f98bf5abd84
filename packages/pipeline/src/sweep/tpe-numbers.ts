/** Truncated normal distributions, in logarithms, as accurate in the tails as in the middle. */

const { log, exp, sqrt, PI, SQRT2, abs, max, log1p } = Math;

/** log(Phi(b) - Phi(a)) of the standard normal distribution, for a < b. */
export function logGaussMass(a: number, b: number): number {
  if (b <= 0) return logDifference(logCdf(b), logCdf(a));
  if (a > 0) return logGaussMass(-b, -a);
  return log1p(-cdf(a) - cdf(-b));
}

const logDifference = (large: number, small: number): number =>
  small === -Infinity ? large : large + log1p(-exp(small - large));

const cdf = (x: number): number => erfc(-x / SQRT2) / 2;

/** log Phi(x). Below -20 by the asymptotic series of the Mills ratio. */
export function logCdf(x: number): number {
  if (x > 6) return -cdf(-x);
  if (x > -20) return log(cdf(x));
  const square = x * x;
  let [term, sum] = [1, 1];
  for (let k = 1; k < 20; k++) {
    const next = (-term * (2 * k - 1)) / square;
    if (abs(next) >= abs(term)) break;
    sum += term = next;
    if (abs(term) < 1e-17) break;
  }
  return -square / 2 - log(-x) - log(2 * PI) / 2 + log(sum);
}

/**
 * Complementary error function: its continued fraction in the tail (Lentz), the series of erf near 0; to about 1e-15.
 */
export function erfc(x: number): number {
  if (x < 0) return 2 - erfc(-x);
  if (x < 2) return 1 - erfSeries(x);
  const tiny = 1e-300;
  let f = x;
  let [c, d] = [f, 0];
  for (let k = 1; k < 200; k++) {
    d = 1 / max(tiny, x + (k / 2) * d);
    c = x + k / 2 / c;
    const change = c * d;
    f *= change;
    if (abs(change - 1) < 1e-16) break;
  }
  return exp(-x * x) / (f * sqrt(PI));
}

/** erf(x) = 2 / sqrt(pi) exp(-x²) Σ 2^n x^(2n+1) / (2n+1)!!, whose terms are all positive. */
function erfSeries(x: number): number {
  let [term, sum] = [x, x];
  for (let n = 1; n < 200; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
    if (term < sum * 1e-17) break;
  }
  return (2 / sqrt(PI)) * exp(-x * x) * sum;
}

/** The q-th quantile of a standard normal distribution between a and b, by bisection on the logarithm of its mass. */
export function truncatedQuantile(q: number, a: number, b: number): number {
  if (a > 0) return -truncatedQuantile(1 - q, -b, -a);
  const wanted = log(q) + logGaussMass(a, b);
  // If q is 0, or the mass underflows, this returns an end of the interval.
  if (!(wanted > -Infinity)) return a;
  let [low, high] = [max(a, -40), Math.min(b, 40)];
  for (let k = 0; k < 200 && high - low > 1e-15 * max(1, abs(low)); k++) {
    const middle = (low + high) / 2;
    if (middle > low && logGaussMass(a, middle) < wanted) low = middle;
    else high = middle;
  }
  return Math.min(b, max(a, (low + high) / 2));
}
