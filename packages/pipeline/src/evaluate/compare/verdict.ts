/** Decides whether a difference between two models is shown, and what is missing if it is not. */
import { type Estimate, SMALL_SUPPORT } from "@slicestack/stats";

export interface VerdictInput {
  /** the first model minus the second */
  difference: Estimate;
  /** two-sided, adjusted for the number of pairs; NaN if there is no test */
  adjusted: number;
  /** subjects of each class in the part that is scored */
  classes: readonly { name: string; subjects: number }[];
}

export interface Verdict {
  /** null: not shown */
  better: "first" | "second" | null;
  /** what is missing for a verdict, as clauses; empty if there is one */
  missing: string[];
}

const SIGNIFICANT = 0.05;

/**
 * A model is called better only if every class has ten subjects, the interval excludes zero and the adjusted test agrees.
 * Each condition catches what the others miss: intervals of a few subjects are rough, and one pair in twenty differs by
 * chance.
 */
export function verdictOf({ difference, adjusted, classes }: VerdictInput): Verdict {
  const { value, interval } = difference;
  const few = classes.filter(({ subjects }) => subjects < SMALL_SUPPORT);
  const missing = [
    ...(few.length > 0
      ? [`each class needs at least ${SMALL_SUPPORT} subjects, and ${few.map(countOf).join(", ")}`]
      : []),
    ...(interval.low > 0 || interval.high < 0 ? [] : ["the interval includes zero"]),
    ...(adjusted < SIGNIFICANT ? [] : ["the p-value, adjusted for the number of pairs, is not below 0.05"]),
  ];
  return { better: missing.length > 0 ? null : value > 0 ? "first" : "second", missing };
}

const countOf = ({ name, subjects }: { name: string; subjects: number }) =>
  `${name} has ${subjects === 0 ? "none" : subjects}`;
