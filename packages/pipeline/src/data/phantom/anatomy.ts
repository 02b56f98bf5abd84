import type { Random } from "@slicestack/stats";

/**
 * The anatomy of one simulated person, in mm, in patient coordinates: x to the left, y to the back, z to the head.
 * z = 0 is the lowest tip of the lungs, z = lungHeight their apex; x = 0, y = 0 is the middle of the chest.
 */
export interface Anatomy {
  sex: "F" | "M";
  age: number;
  bodyHalfWidth: number;
  bodyHalfDepth: number;
  /** Cosine and sine share of the second to fourth angular harmonic of the body's outline. */
  outline: [number, number, number, number, number, number];
  fat: number;
  wall: number;
  lungHeight: number;
  /** Heights of the right and left dome of the diaphragm above the lung's lowest tip. */
  domes: [right: number, left: number];
  heart: { x: number; y: number; z: number; rx: number; ry: number; rz: number };
  spineY: number;
  aortaRadius: number;
  mediastinum: number;
  ribPitch: number;
  ribPhase: number;
  ribDrop: number;
  breast: number;
  boneHu: number;
  liverHu: number;
}

/** Draws one person, independent of the label. */
export function drawAnatomy(random: Random): Anatomy {
  const sex = random.chance(0.5) ? "F" : "M";
  const size = random.uniform(0.92, 1.08) * (sex === "F" ? 0.95 : 1.02);
  const bodyHalfDepth = 121 * size * random.uniform(0.93, 1.08);
  const lungHeight = 238 * size * random.uniform(0.93, 1.07);
  return {
    sex,
    age: Math.round(random.uniform(21, 84)),
    bodyHalfWidth: 164 * size * random.uniform(0.96, 1.05),
    bodyHalfDepth,
    outline: [2, 2, 3, 3, 4, 4].map((k) => random.normal(0, 0.018 / k)) as Anatomy["outline"],
    fat: random.uniform(5, 17),
    wall: random.uniform(14, 19),
    lungHeight,
    domes: [lungHeight * random.uniform(0.26, 0.33), lungHeight * random.uniform(0.2, 0.27)],
    heart: {
      x: random.uniform(20, 30) * size,
      y: -random.uniform(22, 32) * size,
      z: lungHeight * random.uniform(0.24, 0.3),
      rx: random.uniform(50, 62) * size,
      ry: random.uniform(38, 46) * size,
      rz: random.uniform(46, 58) * size,
    },
    spineY: bodyHalfDepth * 0.52,
    aortaRadius: random.uniform(10.5, 14.5),
    mediastinum: random.uniform(0.85, 1.15),
    ribPitch: random.uniform(23, 28),
    ribPhase: random.uniform(0, 25),
    ribDrop: random.uniform(70, 105),
    breast: sex === "F" ? random.uniform(12, 34) : random.uniform(0, 6),
    boneHu: random.uniform(420, 760),
    liverHu: random.uniform(45, 65),
  };
}

/** How breathing changes a person for one scan: the shallower the breath, the shorter the lungs and the higher the domes. */
export function breathe(anatomy: Anatomy, inspiration: number): Anatomy {
  const height = anatomy.lungHeight * (0.84 + 0.2 * inspiration);
  const lift = (1 - inspiration) * 14;
  return {
    ...anatomy,
    lungHeight: height,
    domes: [anatomy.domes[0] * 0.95 + lift, anatomy.domes[1] * 0.95 + lift],
    heart: { ...anatomy.heart, z: anatomy.heart.z * (height / anatomy.lungHeight) + lift * 0.5 },
  };
}

/** 0 at `low`, 1 at `high`, smooth between and flat beyond; `low` may be the larger. */
export function smoothstep(low: number, high: number, value: number): number {
  const t = Math.min(1, Math.max(0, (value - low) / (high - low)));
  return t * t * (3 - 2 * t);
}

/** The level curves of one axial slice at height z, computed once per slice. */
export interface Level {
  z: number;
  /** Height over the lungs, 0 at the base, 1 at the apex. */
  t: number;
  bodyA: number;
  bodyB: number;
  cavityA: number;
  cavityB: number;
  cavityY: number;
  shoulder: number;
}

export function levelAt(anatomy: Anatomy, z: number): Level {
  const t = z / anatomy.lungHeight;
  const shoulder = smoothstep(0.72, 1.02, t);
  const above = Math.max(0, t - 0.32) / 0.74;
  const below = Math.max(0, 0.1 - t);
  const taper = Math.sqrt(Math.max(0.08, 1 - above * above * 0.97)) * (1 - 0.25 * below);
  const inner = anatomy.fat + anatomy.wall;
  return {
    z,
    t,
    bodyA: anatomy.bodyHalfWidth * (1 + 0.06 * shoulder),
    bodyB: anatomy.bodyHalfDepth * (1 - 0.1 * shoulder),
    cavityA: (anatomy.bodyHalfWidth - inner) * taper,
    cavityB: (anatomy.bodyHalfDepth - inner * 0.95) * (0.35 + 0.65 * taper),
    cavityY: 4 + 16 * shoulder,
    shoulder,
  };
}

/** Signed distance in mm, measured along the ray from the centre, to an ellipse's edge: positive inside. */
export function insideEllipse(x: number, y: number, a: number, b: number): number {
  const u = x / a;
  const v = y / b;
  const r = Math.sqrt(u * u + v * v);
  if (r < 1e-6) return Math.min(a, b);
  return Math.sqrt(x * x + y * y) * (1 / r - 1);
}

/** Height of the diaphragm over (x, y). */
export function diaphragm(anatomy: Anatomy, level: Level, x: number, y: number): number {
  const right = x < 0;
  const cx = level.cavityA * (right ? -0.48 : 0.5);
  const u = (x - cx) / (level.cavityA * 0.6);
  const v = (y + 8) / (level.cavityB * 1.02);
  return anatomy.domes[right ? 0 : 1] * (1 - u * u * 0.8 - v * v * 1.05);
}

/** Half width in mm of the soft tissue between the lungs. */
export function mediastinumHalfWidth(anatomy: Anatomy, level: Level, y: number): number {
  const middle = Math.exp(-(((y - 2) / 36) ** 2));
  const hilum = Math.exp(-(((level.t - 0.52) / 0.1) ** 2));
  return anatomy.mediastinum * (4 + (20 + 8 * hilum) * Math.max(middle, level.shoulder)) + 5 * level.shoulder;
}

/** Signed distance in mm from the heart's surface, positive outside. */
export function outsideHeart(anatomy: Anatomy, x: number, y: number, z: number): number {
  const h = anatomy.heart;
  const u = (x - h.x - 0.25 * (h.z - z)) / h.rx;
  const v = (y - h.y) / h.ry;
  const w = (z - h.z) / h.rz;
  return (Math.sqrt(u * u + v * v + w * w) - 1) * 0.5 * (h.rx + h.ry);
}

/** Signed distance in mm to the surface of the lungs, positive inside: the smallest of the distances to what bounds them. */
export function insideLung(anatomy: Anatomy, level: Level, x: number, y: number): number {
  if (level.z <= -4 || level.t >= 1.02) return -10;
  let d = insideEllipse(x, y - level.cavityY, level.cavityA, level.cavityB);
  if (d < -6) return d;
  d = Math.min(d, Math.abs(x - 4) - mediastinumHalfWidth(anatomy, level, y));
  const spineX = x / 34;
  const spineYy = (y - anatomy.spineY - 8) / 30;
  d = Math.min(d, (Math.sqrt(spineX * spineX + spineYy * spineYy) - 1) * 30);
  d = Math.min(
    d,
    (level.z - diaphragm(anatomy, level, x, y)) * 0.7,
    level.z + 4,
    (1.02 - level.t) * anatomy.lungHeight,
  );
  if (level.t < 0.58) {
    d = Math.min(d, outsideHeart(anatomy, x, y, level.z));
    const ax = x - 24;
    const ay = y - anatomy.spineY + 20;
    d = Math.min(d, Math.sqrt(ax * ax + ay * ay) - anatomy.aortaRadius - 1.5);
  }
  return d;
}
