/** Formats loading times for a terminal. */
import type { ClockResult, Timing } from "./clock.js";
import { aligned, bytes, counted, short } from "./number-text.js";

export function clockText({
  data,
  slices,
  volumes,
  bytes: size,
  batch,
  epochs,
  threads,
  augmentation,
  timings,
}: ClockResult): string {
  const rows = ["slices", "volumes"].flatMap((unit) =>
    [
      { what: `${unit}, from disk`, cold: true, augmented: false },
      { what: `${unit}, from memory`, cold: false, augmented: false },
      { what: `${unit}, augmented`, cold: false, augmented: true },
    ].map(({ what, cold, augmented }) => {
      const passTimings = timings.filter(
        (timing) => timing.unit === unit && timing.cold === cold && timing.augmented === augmented,
      );
      return [
        what,
        ...(["in order", "at random"] as const).map((order) => rateOf(passTimings, order)),
        cachedOf(passTimings),
      ];
    }),
  );
  return [
    `${data}: ${counted(volumes, "volume")}, ${counted(slices, "slice")}, ${bytes(size)}`,
    `batches of ${batch} slices, single volumes; ${counted(epochs, "pass")} from memory; ${counted(threads, "thread")}`,
    "",
    aligned([["per second", "in order", "at random", "in memory before"], ...rows], [1, 2, 3]),
    "",
    `augmented: ${augmentation.length === 0 ? "none in the configuration" : augmentation.join(", ")}`,
    ...notes(timings),
  ].join("\n");
}

function rateOf(timings: readonly Timing[], order: Timing["order"]): string {
  const rate = timings.find((timing) => timing.order === order)?.rate ?? NaN;
  return rate >= 100 ? String(Math.round(rate)) : short(rate);
}

function cachedOf(timings: readonly Timing[]): string {
  const shares = timings.flatMap(({ cachedBefore }) => (cachedBefore === null ? [] : [cachedBefore]));
  if (shares.length === 0) return "unknown";
  return [...new Set(shares.map((share) => `${Math.round(share * 100)} %`))].join(", ");
}

function notes(timings: readonly Timing[]): string[] {
  const cold = timings.filter((timing) => timing.cold);
  if (cold.some(({ cachedBefore }) => cachedBefore === null))
    return [
      'The system does not tell how much of the file was in memory: "from disk" may include reads from memory.',
    ];
  if (cold.some(({ cachedBefore }) => cachedBefore! > 0.1))
    return ['The system did not drop the file from memory on request: "from disk" was partly from memory.'];
  return [];
}
