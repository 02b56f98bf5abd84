/** The DICOM JSON model (PS3.18, annex F), as far as searching and storing need it. */
import { z } from "zod";

const element = z.looseObject({ vr: z.string(), Value: z.array(z.unknown()).optional() });
export const datasetSchema = z.record(z.string(), element);
export const datasetsSchema = z.array(datasetSchema);
export type JsonDataset = z.output<typeof datasetSchema>;

/** The first value of an element as text; null where it is absent or empty. */
export function textOf(dataset: JsonDataset, tag: string): string | null {
  const [value] = dataset[tag]?.Value ?? [];
  if (typeof value === "string" || typeof value === "number") return String(value);
  if (typeof value !== "object" || value === null) return null;
  const { Alphabetic } = value as { Alphabetic?: unknown }; // the name of a person
  return typeof Alphabetic === "string" ? Alphabetic : null;
}

export function countOf(dataset: JsonDataset, tag: string): number | null {
  const text = textOf(dataset, tag);
  const value = text === null || text === "" ? NaN : Number(text);
  return Number.isSafeInteger(value) && value >= 0 ? value : null;
}

/** The items of a sequence. */
export const itemsOf = (dataset: JsonDataset, tag: string): JsonDataset[] =>
  (dataset[tag]?.Value ?? []).flatMap((item) => {
    const parsed = datasetSchema.safeParse(item);
    return parsed.success ? [parsed.data] : [];
  });
