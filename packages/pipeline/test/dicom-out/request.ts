/** Predictions to write, without a model: the map marks what is brighter than tissue. */
import { discover } from "../../src/data/ingest/discover.js";
import { prepareVolume } from "../../src/data/prepare/volume.js";
import type { DicomRequest } from "../../src/dicom-out/dicom-folder.js";
import type { StatedResult } from "../../src/dicom-out/stated.js";

export const CLASSES = ["CT-0", "CT-3 肺 ü"] as const;

export const RESULT: StatedResult = {
  model: { name: "lung", method: "2.5d", sha256: "0123456789abcdef".repeat(4), members: 1 },
  probabilities: { [CLASSES[0]]: 0.2, [CLASSES[1]]: 0.8 },
  uncalibrated: { [CLASSES[0]]: 0.123456789, [CLASSES[1]]: 0.876543211 },
  calibrated: true,
  decision: { class: CLASSES[1], rule: "youden", threshold: 0.41 },
  set: { classes: [CLASSES[1]], miss: 0.1 },
  slices: [0.01, 0.02, 0.3, 0.4, 0.1, 0.1, 0.05, 0.02].map((weight, slice) => ({ slice, weight })),
  warnings: [{ message: "The spacing is 3 mm" }],
};

/** One request for each series below a folder or in a zip, prepared to 8 slices of 32 x 32. */
export async function requestsOf(
  source: string,
  changes: Partial<DicomRequest> = {},
): Promise<DicomRequest[]> {
  const { volumes } = await discover(source);
  const requests: DicomRequest[] = [];
  for (const { input, path } of volumes) {
    const recipe = {
      size: [32, 32] as [number, number],
      depth: 8,
      crop: "none" as const,
      margin: 10,
      unit: "HU" as const,
    };
    const prepared = await prepareVolume({
      input,
      mask: null,
      recipe: { ...recipe, allowGaps: false, mask: null },
    });
    const { geometry, slices_SHW, shape } = prepared;
    requests.push({
      id: input.kind === "dicom" ? input.series : path,
      source: path,
      input,
      result: RESULT,
      place: { geometry, count: shape[0], size: [shape[1], shape[2]] },
      heatMap: {
        map_SHW: Float32Array.from(slices_SHW, (value) => (value > 100 ? 1 : 0)),
        class: CLASSES[1],
        window: [-1000, 400],
      },
      settings: "none",
      ...changes,
    });
  }
  return requests;
}
