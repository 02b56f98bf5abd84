/** One file of a folder, a zip or a browser's file list; it is opened only when asked. */
export interface DicomSource {
  /** For messages and facts: a path below what was scanned. */
  name: string;
  /** Bytes of the file, where known without reading it. */
  size?: number;
  /** The whole file. */
  read(): Promise<Uint8Array>;
  /** Its first bytes: as many as asked for, or the whole file where that is shorter. Without it `read` serves. */
  head?(bytes: number): Promise<Uint8Array>;
}
