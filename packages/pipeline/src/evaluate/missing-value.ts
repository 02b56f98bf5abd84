/** What stands in a table for a value that is not there: nothing, a dash, or a word of the programs that write tables. */
const MISSING = /^(|-+|\?|\.|#?n\/?a|nan|nil|none|null|unknown|missing)$/i;

export function isMissing(cell: string): boolean {
  return MISSING.test(cell.trim());
}
