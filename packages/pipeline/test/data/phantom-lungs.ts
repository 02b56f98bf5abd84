import assert from "node:assert/strict";
import { findLungs, voxelToWorld, type LungsFound, type Volume } from "@slicestack/volume";
import { insideLung, levelAt, type Level } from "../../src/data/phantom/anatomy.js";
import { planScans } from "../../src/data/phantom/plan.js";
import { drawScan, type PhantomScan } from "../../src/data/phantom/scan.js";

/** Share of a phantom's lungs that must lie in the box with a margin of 10 mm, and in the box alone. */
const HELD = [0.998, 0.97] as const;
/** Dice of the mask and the drawn lungs, by grade: consolidated lung at the heart's side is no part of the mask. */
const DICE = [0.88, 0.88, 0.88, 0.88, 0.85] as const;

/** Voxels that the generator draws as lung, diseased or not: 1 right, 2 left. */
function drawnLungs({ volume, anatomy }: PhantomScan): Uint8Array {
  const [nx, ny, nz] = volume.shape;
  const levels = new Map<number, Level>();
  const lungs = new Uint8Array(volume.data.length);
  for (let k = 0, i = 0; k < nz; k++) {
    for (let j = 0; j < ny; j++) {
      for (let l = 0; l < nx; l++, i++) {
        const [x, y, z] = voxelToWorld(volume, l, j, k);
        const level = levels.get(z) ?? levelAt(anatomy, z);
        levels.set(z, level);
        if (insideLung(anatomy, level, x, y) > 0) lungs[i] = x < 4 ? 1 : 2;
      }
    }
  }
  return lungs;
}

interface Agreement {
  dice: number;
  /** Share of the voxels in both that are on the same side. */
  side: number;
  held: number;
  heldWithMargin: number;
}

function agreement(truth: Uint8Array, { mask, box }: LungsFound, { shape, spacing }: Volume): Agreement {
  const inBox = (at: number[], mm: number) =>
    at.every((n, axis) => {
      const room = Math.ceil(mm / (spacing[axis] as number));
      return n >= (box.start[axis] as number) - room && n < (box.end[axis] as number) + room;
    });
  let [drawn, masked, both, side, held, wide] = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < truth.length; i++) {
    if (mask.data[i] !== 0) masked++;
    if (truth[i] === 0) continue;
    const at = [i % shape[0], Math.floor(i / shape[0]) % shape[1], Math.floor(i / shape[0] / shape[1])];
    drawn++;
    if (mask.data[i] !== 0) both++;
    if (mask.data[i] === truth[i]) side++;
    if (inBox(at, 0)) held++;
    if (inBox(at, 10)) wide++;
  }
  return {
    dice: (2 * both) / (drawn + masked),
    side: side / both,
    held: held / drawn,
    heldWithMargin: wide / drawn,
  };
}

/** Draws phantoms of all grades, as `slicestack demo` does, and holds the lungs that are found against the drawn ones. */
export function checkPhantomLungs(seed: number, subjectsPerGrade: number): void {
  const counts = [0, 1, 2, 3, 4].map(() => subjectsPerGrade);
  for (const plan of planScans({ subjects: 5 * subjectsPerGrade, seed, counts, minimum: 1, size: 128 })) {
    const scan = drawScan(plan);
    const lungs = findLungs(scan.volume);
    const who = `seed ${seed}, phantom ${plan.id}, CT-${plan.label}`;
    assert.ok(lungs.found, who);
    assert.ok(lungs.rightMl > 0 && lungs.leftMl > 0, `${who}: ${lungs.rightMl} and ${lungs.leftMl} ml`);
    const seen = agreement(drawnLungs(scan), lungs, scan.volume);
    const all = `${who}: ${JSON.stringify(seen)}, ${lungs.flags.join()}`;
    assert.ok(seen.heldWithMargin >= HELD[0] && seen.held >= HELD[1], all);
    assert.ok(seen.dice >= (DICE[plan.label] as number) && seen.side >= 0.99, all);
  }
}
