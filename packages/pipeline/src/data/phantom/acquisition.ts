import type { Random } from "@slicestack/stats";

/** What varies from scan to scan, independent of the label, so that none of it gives the label away. */
export interface Acquisition {
  /** 0 shallow breath .. 1 full breath. */
  inspiration: number;
  /** HU of healthy, well aired lung. */
  lungHu: number;
  /** Standard deviation of the quantum noise, HU. */
  noise: number;
  /** Offset of the scanner's HU. */
  offset: number;
  /** mm of lung at the back that is collapsed by its own weight; 0 = none. Right and left. */
  atelectasis: [right: number, left: number];
  atelectasisHu: number;
  /** Thin bands of collapse over the diaphragm: height above the base (mm), tilt, side. */
  plates: { z: number; tilt: number; side: -1 | 1 }[];
  emphysema: number;
  /** mm that the heart and the diaphragm move during a slice; 0 = still. */
  motion: number;
  /** Amplitude in HU of the streaks through the shoulders. */
  streaks: number;
  /** How much denser the lung gets from front to back, HU. */
  gravity: number;
  shift: [x: number, y: number];
  table: number;
  /** Slice spacing, mm. */
  sliceSpacing: number;
  /** Free room around the body as a share of its width. */
  room: number;
  /** Extent below and above the lungs, mm. */
  margin: [below: number, above: number];
  orientation: string;
}

/** Voxel axes as the file holds them, by where each points: LAS = left, anterior, superior. MosMed is LAS. */
export const phantomOrientations = ["LAS", "LAS", "LAS", "RAS", "LPS", "RPS", "RPI", "LAI", "RAI"] as const;

/** Scanner traits of a site: tube noise and HU offset. */
export interface Site {
  name: string;
  noise: number;
  offset: number;
}

export function drawSites(random: Random): Site[] {
  return ["A", "B", "C"].map((name) => ({
    name,
    noise: random.uniform(0.8, 1.25),
    offset: random.uniform(-7, 7),
  }));
}

export function drawAcquisition(random: Random, site: Site): Acquisition {
  const inspiration = random.uniform();
  const collapse = random.chance(0.5) ? random.uniform(5, 20) : 0;
  const plates = random.chance(0.35) ? random.integer(1, 3) : 0;
  return {
    inspiration,
    lungHu: -620 - 285 * inspiration + random.normal(0, 12),
    noise: random.uniform(12, 34) * site.noise,
    offset: Math.max(-15, Math.min(15, site.offset + random.uniform(-8, 8))),
    atelectasis: [collapse * random.uniform(0.75, 1.25), collapse * random.uniform(0.75, 1.25)],
    atelectasisHu: random.uniform(-420, -60),
    plates: Array.from({ length: plates }, () => ({
      z: random.uniform(45, 95),
      tilt: random.uniform(0.8, 1.8) * (random.chance(0.5) ? 1 : -1),
      side: random.chance(0.5) ? 1 : -1,
    })),
    emphysema: random.chance(0.15) ? random.uniform(20, 60) : 0,
    motion: random.chance(0.3) ? random.uniform(2, 6) : 0,
    streaks: random.chance(0.4) ? random.uniform(15, 60) : random.uniform(0, 12),
    gravity: random.uniform(15, 70),
    shift: [random.normal(0, 5), random.normal(0, 4)],
    table: random.uniform(2, 10),
    sliceSpacing: random.uniform(6.1, 9.4),
    room: random.uniform(0, 0.08),
    margin: [random.uniform(4, 26), random.uniform(3, 20)],
    orientation: random.pick(phantomOrientations),
  };
}
