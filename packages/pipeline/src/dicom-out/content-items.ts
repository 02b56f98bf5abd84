/** Items of the content tree of a structured report (PS3.3 C.17.3). */
import type { WrittenDataset } from "@slicestack/volume";
import { codeItem, CODES, type Code } from "./codes.js";
import { decimal } from "./decimal.js";

export type Relationship = "CONTAINS" | "HAS OBS CONTEXT" | "HAS CONCEPT MOD" | "INFERRED FROM";

/** @param template its number among DICOM's templates (PS3.16) */
export const container = (
  concept: Code,
  content: readonly WrittenDataset[],
  { relationship, template }: { relationship?: Relationship; template?: string } = {},
): WrittenDataset => ({
  ...item("CONTAINER", concept, relationship),
  ContinuityOfContent: "SEPARATE",
  ...(template === undefined
    ? {}
    : {
        ContentTemplateSequence: [
          {
            MappingResource: "DCMR",
            MappingResourceUID: "1.2.840.10008.8.1.1",
            TemplateIdentifier: template,
          },
        ],
      }),
  ContentSequence: content,
});

export const code = (relationship: Relationship, concept: Code, value: Code): WrittenDataset => ({
  ...item("CODE", concept, relationship),
  ConceptCodeSequence: [codeItem(value)],
});

export const text = (relationship: Relationship, concept: Code, value: string): WrittenDataset => ({
  ...item("TEXT", concept, relationship),
  // A text must not be empty.
  TextValue: value.trim() === "" ? "-" : value,
});

export const uid = (relationship: Relationship, concept: Code, value: string): WrittenDataset => ({
  ...item("UIDREF", concept, relationship),
  UID: value,
});

/** A number without a unit, contained in its parent. @param details modifiers, and what it was inferred from */
export const number = (
  concept: Code,
  value: number,
  details: readonly WrittenDataset[] = [],
): WrittenDataset => ({
  ...item("NUM", concept, "CONTAINS"),
  MeasuredValueSequence: [
    { NumericValue: decimal(value, 6), MeasurementUnitsCodeSequence: [codeItem(CODES.noUnits)] },
  ],
  ...(details.length === 0 ? {} : { ContentSequence: details }),
});

/** @param reference item of a ReferencedSOPSequence */
export const image = (
  relationship: Relationship,
  concept: Code,
  reference: WrittenDataset,
): WrittenDataset => ({
  ...item("IMAGE", concept, relationship),
  ReferencedSOPSequence: [reference],
});

const item = (type: string, concept: Code, relationship?: Relationship): WrittenDataset => ({
  RelationshipType: relationship,
  ValueType: type,
  ConceptNameCodeSequence: [codeItem(concept)],
});
