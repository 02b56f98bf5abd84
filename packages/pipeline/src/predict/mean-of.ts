/** The mean of rows of equal length. */
export const meanOf = (rows: readonly (readonly number[])[]): number[] =>
  rows[0]!.map((_, c) => rows.reduce((sum, row) => sum + row[c]!, 0) / rows.length);
