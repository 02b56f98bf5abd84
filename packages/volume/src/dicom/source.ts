/** One file of a folder, a zip or a browser's file list; it is opened only when it is read. */
export interface DicomSource {
  /** For messages and facts: the path relative to what was scanned. */
  name: string;
  /** Size of the file in bytes, where it is known without reading the file. */
  size?: number;
  /**
   * Reads the whole file.
   * @param reuse what an earlier read returned and the caller needs no longer: its memory may hold the result
   */
  read(reuse?: Uint8Array): Promise<Uint8Array>;
  /**
   * Reads its first bytes: as many as requested, or the whole file where it is shorter. Without this function, `read`
   * is used.
   */
  head?(bytes: number): Promise<Uint8Array>;
}
