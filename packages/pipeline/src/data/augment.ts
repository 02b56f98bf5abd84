/**
 * The published slice augmentation as one affine map a slice: rotation ±15°, random resized crop 0.8-1.0 of the area,
 * translation 0.1, scale 0.95-1.05, shear ±10°; and a left-right flip is left out, because lungs are not symmetric.
 * B slices, H height, W width.
 */
import { fromTypedArray, functional as F, scope, type Tensor } from "@slicestack/torch";
import type { Random } from "./random.js";

type Affine = [number, number, number, number, number, number];

const radians = Math.PI / 180;

/** A map from output to input coordinates (-1..1), as affineGrid takes it. */
export function drawAffine(random: Random): Affine {
  const between = (low: number, high: number) => low + (high - low) * random.uniform();
  const angle = between(-15, 15) * radians;
  const shear = Math.tan(between(-10, 10) * radians);
  const area = between(0.8, 1);
  const aspect = Math.exp(between(Math.log(3 / 4), Math.log(4 / 3)));
  const zoom = 1 / between(0.95, 1.05);
  // A crop that would be wider than the slice is cut to it, as RandomResizedCrop does.
  const [cropX, cropY] = [Math.min(1, Math.sqrt(area * aspect)), Math.min(1, Math.sqrt(area / aspect))];
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const [scaleX, scaleY] = [zoom * cropX, zoom * cropY];
  const shiftX = between(-1, 1) * (1 - cropX) + between(-0.2, 0.2);
  const shiftY = between(-1, 1) * (1 - cropY) + between(-0.2, 0.2);
  return [cos * scaleX, (cos * shear - sin) * scaleY, shiftX, sin * scaleX, (sin * shear + cos) * scaleY, shiftY];
}

/** unit_B1HW → augmented unit_B1HW; what comes from outside is 0, the lower end of the window (air). */
export function augmentSlices(unit_B1HW: Tensor, random: Random): Tensor {
  return scope(() => {
    const [batch = 0, channels = 1, height = 0, width = 0] = unit_B1HW.shape;
    const theta = new Float32Array(batch * 6);
    for (let b = 0; b < batch; b++) theta.set(drawAffine(random), b * 6);
    const theta_B23 = fromTypedArray(theta, [batch, 2, 3], { device: unit_B1HW.device });
    const grid_BHW2 = F.affineGrid(theta_B23, [batch, channels, height, width]);
    return F.gridSample(unit_B1HW, grid_BHW2);
  });
}
