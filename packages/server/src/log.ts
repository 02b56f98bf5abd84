/** Writes a line of the log. Facts hold no patient data: no names of files, no ids of scans. */
export type Log = (
  level: "info" | "warn" | "error",
  message: string,
  facts?: Record<string, unknown>,
) => void;
