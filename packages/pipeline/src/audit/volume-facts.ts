export interface VolumeFacts {
  /** In the data set's unit. */
  mean: number;
  standardDeviation: number;
  least: number;
  /** Percentiles 1, 50 and 99. */
  p1: number;
  p50: number;
  p99: number;
  most: number;
  /** Signs of the differences between neighbouring means of a 16 x 16 x 8 grid: near-duplicates share nearly all. */
  fingerprint: Uint32Array;
  /** The means themselves, x fastest. */
  thumbnail: Float32Array;
}
