/** The type of a figure of a report. */

/** Where a figure belongs in the report. */
export type FigureGroup =
  | "models"
  | "data"
  | "differences"
  | "protocols"
  | "confusion"
  | "ranking"
  | "votes"
  | "benefit"
  | "calibration"
  | "corrected"
  | "selective"
  | "subgroups"
  | "training";

export interface Figure {
  /** file name without extension, e.g. "confusion_2.5d" */
  name: string;
  group: FigureGroup;
  caption: string;
  svg: string;
}
