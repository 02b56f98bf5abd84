/** Numbers and tables as text. */

/** At most four significant digits; whole numbers are not rounded. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return "–";
  return String(Number.isInteger(value) ? value : Number(value.toPrecision(4)));
}

/** 0.78 x 0.78 x 5 */
export const times = (values: readonly number[]): string => values.map(short).join(" x ");

/** "1 volume", "2 volumes"; also for words that end in -s or -y. */
export function counted(count: number, noun: string): string {
  if (count === 1) return `1 ${noun}`;
  return `${count} ${noun.endsWith("s") ? `${noun}es` : noun.endsWith("y") ? `${noun.slice(0, -1)}ies` : `${noun}s`}`;
}

/** 12.3 MB */
export function bytes(count: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : Number(value.toPrecision(3))} ${units[unit]}`;
}

/** Aligned columns, two spaces apart; the listed ones are aligned right. */
export function aligned(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const widths = (rows[0] ?? []).map((_, k) => Math.max(...rows.map((row) => row[k]?.length ?? 0)));
  const cell = (text: string, k: number) =>
    right.includes(k) ? text.padStart(widths[k]!) : text.padEnd(widths[k]!);
  return rows.map((row) => row.map(cell).join("  ").trimEnd()).join("\n");
}

/** Lines of a name and its value; further lines of a value are below the first. */
export function terms(entries: readonly (readonly [string, string])[]): string {
  const width = Math.max(...entries.map(([name]) => name.length));
  return entries
    .map(([name, text]) => `  ${name.padEnd(width)}  ${text.replaceAll("\n", `\n${" ".repeat(width + 4)}`)}`)
    .join("\n");
}
