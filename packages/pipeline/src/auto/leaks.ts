/** What in an audit would make the scores of `auto` wrong, before there is a split. */
import type { Audit } from "../audit/audit.js";

/** Pairs that a message names. */
const MOST_NAMED = 5;

/**
 * Errors of the audit, and scans that appear under two subjects: a split deals subjects, so that one copy may be trained on
 * and the other tested on.
 * @returns sentences; none if there is nothing to stop for
 */
export function leaksOf({ findings, duplicates }: Pick<Audit, "findings" | "duplicates">): string[] {
  const errors = findings.flatMap(({ severity, text }) => (severity === "error" ? [text] : []));
  const apart = duplicates.pairs.filter(({ sameSubject }) => !sameSubject);
  if (apart.length === 0) return errors;
  const named = apart
    .slice(0, MOST_NAMED)
    .map(({ a, b, kind }) => `${a} and ${b}${kind === "near" ? " (nearly identical)" : ""}`);
  const more = apart.length > MOST_NAMED ? `, and ${apart.length - MOST_NAMED} more` : "";
  const what =
    apart.length === 1
      ? "1 pair of scans is the same scan"
      : `${apart.length} pairs of scans are the same scan`;
  return [
    ...errors,
    `${what} under two subjects: ${named.join("; ")}${more}. One of them could be trained on and the other tested on.`,
  ];
}
