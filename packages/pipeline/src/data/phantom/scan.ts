import { reorient, type Volume } from "@slicestack/volume";
import { Random } from "@slicestack/stats";
import { drawAcquisition, type Acquisition } from "./acquisition.js";
import { breathe, drawAnatomy, type Anatomy } from "./anatomy.js";
import { drawDisease } from "./lesions.js";
import type { ScanPlan } from "./plan.js";
import { renderScan } from "./render.js";

export interface PhantomScan {
  /** HU, in the orientation that the scan is stored in. */
  volume: Volume;
  anatomy: Anatomy;
  acquisition: Acquisition;
  /** Measured share of the lung that is affected. */
  affected: number;
}

/** Draws one planned scan. @param orientation replaces the drawn one, such as "LPS" */
export function drawScan(plan: ScanPlan, orientation?: string): PhantomScan {
  const subject = new Random(plan.subjectSeed);
  const visit = new Random(plan.scanSeed);
  const acquisition = drawAcquisition(visit.fork("acquisition"), plan.site);
  const anatomy = breathe(drawAnatomy(subject.fork("anatomy")), acquisition.inspiration);
  const disease = drawDisease(plan.label, subject.fork("disease"));
  const streams = { tree: subject.fork("tree"), lesion: subject.fork("lesion"), scan: visit.fork("scan") };
  const { grid, hu, affected } = renderScan(anatomy, acquisition, disease, streams, plan.size);
  const upright: Volume = {
    data: hu,
    shape: [grid.nx, grid.ny, grid.nz],
    spacing: grid.spacing,
    origin: grid.origin,
    direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
    unit: "HU",
  };
  return {
    volume: reorient(upright, orientation ?? acquisition.orientation),
    anatomy,
    acquisition,
    affected,
  };
}
