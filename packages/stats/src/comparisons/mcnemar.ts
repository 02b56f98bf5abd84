/** Whether two models are right equally often on the same volumes. */
import { ShapeError } from "../errors.js";
import { checkIndependent } from "../intervals/bootstrap.js";

export interface McNemarTest {
  /** volumes that only the first model classified correctly, and that only the second did */
  onlyFirst: number;
  onlySecond: number;
  /** accuracy of the first model minus that of the second */
  difference: number;
  /** exact, two-sided */
  p: number;
  /**
   * less conservative by half the probability of the observed table, and closer to the nominal level in small samples
   */
  midP: number;
}

/**
 * McNemar's test, exact: where exactly one of the two models is right, each is equally likely to be that one.
 * McNemar, Psychometrika 12 (1947) 153; mid-p: Fagerland, Lydersen & Laake, BMC Med. Res. Methodol. 13 (2013) 91.
 * @param first whether the first model was right, for each volume   @param second the same for the second
 * @param subjects all different, because the test assumes that volumes are independent
 * @returns p = 1 where the models never disagree
 * @throws ShapeError, ClusteredSubjectsError (several volumes of a subject)
 */
export function mcNemar(
  first: readonly boolean[],
  second: readonly boolean[],
  subjects: readonly string[],
): McNemarTest {
  if (first.length === 0) throw new ShapeError("McNemar's test: volumes", "at least one", "none");
  for (const [name, values] of Object.entries({ second, subjects }))
    if (values.length !== first.length)
      throw new ShapeError(`McNemar's test: ${name}`, `${first.length} values`, String(values.length));
  checkIndependent("McNemar's test", subjects);
  const onlyFirst = first.filter((right, i) => right && !second[i]).length;
  const onlySecond = second.filter((right, i) => right && !first[i]).length;
  const disagreements = onlyFirst + onlySecond;
  const fewer = Math.min(onlyFirst, onlySecond);
  const { atMost, exactly } = fairCoins(fewer, disagreements);
  return {
    onlyFirst,
    onlySecond,
    difference: (onlyFirst - onlySecond) / first.length,
    p: Math.min(1, 2 * atMost),
    midP: disagreements === 0 ? 1 : onlyFirst === onlySecond ? 1 - exactly / 2 : 2 * atMost - exactly,
  };
}

/**
 * Probability of at most, and of exactly, `heads` heads in `coins` throws; summed in logarithms, because 2^-coins
 * underflows.
 */
function fairCoins(heads: number, coins: number): { atMost: number; exactly: number } {
  let logChance = -coins * Math.LN2;
  let atMost = Math.exp(logChance);
  for (let k = 1; k <= heads; k++) {
    logChance += Math.log((coins - k + 1) / k);
    atMost += Math.exp(logChance);
  }
  return { atMost, exactly: Math.exp(logChance) };
}
