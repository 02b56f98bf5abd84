/** Whether two models are right equally often on the same volumes. */
import { ShapeError } from "../errors.js";
import { checkIndependent } from "../intervals/bootstrap.js";

export interface McNemarTest {
  /** volumes that only the first model had right, and only the second */
  onlyFirst: number;
  onlySecond: number;
  /** share right of the first minus that of the second */
  difference: number;
  /** exact, two-sided */
  p: number;
  /** less careful by half the chance of the observed table, nearer to its nominal level in small samples */
  midP: number;
}

/**
 * McNemar's test, exact: of the volumes on which just one model is right, each is equally likely to be the one.
 * McNemar, Psychometrika 12 (1947) 153; mid-p: Fagerland, Lydersen & Laake, BMC Med. Res. Methodol. 13 (2013) 91.
 * @param first whether the first model was right, for each volume   @param second the same of the second
 * @param subjects all different: the test takes volumes as independent
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
  const { upTo, at } = fairCoins(fewer, disagreements);
  return {
    onlyFirst,
    onlySecond,
    difference: (onlyFirst - onlySecond) / first.length,
    p: Math.min(1, 2 * upTo),
    midP: disagreements === 0 ? 1 : onlyFirst === onlySecond ? 1 - at / 2 : 2 * upTo - at,
  };
}

/** Chance of at most, and of exactly, `heads` heads in `coins` throws; summed in logarithms, because 2^-coins underflows. */
function fairCoins(heads: number, coins: number): { upTo: number; at: number } {
  let logChance = -coins * Math.LN2;
  let upTo = Math.exp(logChance);
  for (let k = 1; k <= heads; k++) {
    logChance += Math.log((coins - k + 1) / k);
    upTo += Math.exp(logChance);
  }
  return { upTo, at: Math.exp(logChance) };
}
