/** A map of the prepared volume on the pixels of any slice of the source, wherever this lies. */
import { worldToVoxel, type Triple, type Volume } from "@slicestack/volume";
import type { PreparedPlace } from "./stated.js";

/** Where the pixels of a slice are: position of the first, unit vectors along columns and rows, mm between pixels. */
export interface SlicePlane {
  position: Triple;
  /** Of x, y, z along which columns increase, then rows. */
  orientation: readonly number[];
  /** mm between rows, mm between columns. */
  pixelSpacing: readonly [number, number];
  rows: number;
  columns: number;
}

export class MapSampler {
  readonly #grid: Volume;
  readonly #map: Float32Array;

  /** @param map_SHW on the grid of the prepared volume */
  constructor(map_SHW: Float32Array, { geometry, count, size: [height, width] }: PreparedPlace) {
    this.#map = map_SHW;
    const { spacing, origin, direction } = geometry;
    const shape: Triple = [width, height, count];
    this.#grid = { data: map_SHW, shape, spacing, origin, direction: [...direction], unit: "arbitrary" };
  }

  /** Linear between voxels, 0 where the prepared volume does not reach. Writes rows x columns values. */
  sample(plane: SlicePlane, into: Float32Array): void {
    const { rows, columns } = plane;
    const [start, alongColumn, alongRow] = this.#steps(plane);
    for (let row = 0, at = 0; row < rows; row++) {
      const first: Triple = [0, 1, 2].map((axis) => start[axis]! + row * alongRow[axis]!) as Triple;
      for (let column = 0; column < columns; column++, at++) {
        const x = first[0] + column * alongColumn[0];
        const y = first[1] + column * alongColumn[1];
        const z = first[2] + column * alongColumn[2];
        into[at] = this.#valueAt(x, y, z);
      }
    }
  }

  /** Voxel index of the first pixel, and its change from one column and from one row to the next. */
  #steps({ position, orientation, pixelSpacing }: SlicePlane): [start: Triple, column: Triple, row: Triple] {
    const start = worldToVoxel(this.#grid, ...position);
    const stepTo = (from: number, mm: number) => {
      const point = position.map((value, k) => value + mm * orientation[from + k]!) as Triple;
      return worldToVoxel(this.#grid, ...point).map((value, k) => value - start[k]!) as Triple;
    };
    return [start, stepTo(0, pixelSpacing[1]), stepTo(3, pixelSpacing[0])];
  }

  /** A voxel reaches half its size beyond its centre, so that the outermost values hold up to the border. */
  #valueAt(x: number, y: number, z: number): number {
    const [nx, ny, nz] = this.#grid.shape;
    if (!(
      x >= -REACH &&
      y >= -REACH &&
      z >= -REACH &&
      x <= nx - 1 + REACH &&
      y <= ny - 1 + REACH &&
      z <= nz - 1 + REACH
    ))
      return 0;
    const [cx, cy, cz] = [clamped(x, nx), clamped(y, ny), clamped(z, nz)];
    const [x0, y0, z0] = [Math.floor(cx), Math.floor(cy), Math.floor(cz)];
    const [fx, fy, fz] = [cx - x0, cy - y0, cz - z0];
    const stepX = x0 + 1 < nx ? 1 : 0;
    const stepY = y0 + 1 < ny ? nx : 0;
    const stepZ = z0 + 1 < nz ? nx * ny : 0;
    const at = x0 + nx * (y0 + ny * z0);
    return (
      this.#plane(at, stepX, stepY, fx, fy) * (1 - fz) + this.#plane(at + stepZ, stepX, stepY, fx, fy) * fz
    );
  }

  #plane(at: number, stepX: number, stepY: number, fx: number, fy: number): number {
    const map = this.#map;
    const above = map[at]! * (1 - fx) + map[at + stepX]! * fx;
    const below = map[at + stepY]! * (1 - fx) + map[at + stepY + stepX]! * fx;
    return above * (1 - fy) + below * fy;
  }
}

/** Half a voxel, and what positions are rounded by. */
const REACH = 0.5 + 1e-3;

const clamped = (index: number, n: number): number => Math.min(n - 1, Math.max(0, index));
