/**
 * The map of a prediction over the scan: one secondary capture (PS3.3 A.8.1) for each slice of the source, RGB, on its
 * pixels and at its place, in the study of the scan. Single frames show in every viewer; viewers that know positions
 * link them to the source.
 */
import type { DicomSlice, DicomSliceVoxels, WrittenDataset } from "@slicestack/volume";
import { blend, scaleOf } from "../explain/colours.js";
import { codeItem, CODES } from "./codes.js";
import { decimal } from "./decimal.js";
import { MapSampler } from "./map-sampler.js";
import { commonModules } from "./modules.js";
import { referenceTo, type SourceStudy } from "./source-study.js";
import { RESEARCH_USE, type PreparedPlace } from "./stated.js";

const SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7";

/** A map of evidence for a class, not negative. */
export interface ClassMap {
  map_SHW: Float32Array;
  class: string;
  /** Values that are shown as black and as white. */
  window: readonly [number, number];
}

export interface HeatMapUids {
  series: string;
  instanceOf: (slice: DicomSlice) => string;
}

/** Renders the slices of one source, one at a time. */
export class HeatMap {
  readonly #sampler: MapSampler;
  readonly #limit: number;
  readonly #values: Float32Array;
  readonly #numbers: ReadonlyMap<DicomSlice, number>;

  constructor(
    private readonly source: SourceStudy,
    private readonly map: ClassMap,
    place: PreparedPlace,
    private readonly uids: HeatMapUids,
    /** SHA-256 of the model. */
    private readonly model: string,
  ) {
    const { rows, columns } = source.series;
    this.#sampler = new MapSampler(map.map_SHW, place);
    this.#limit = scaleOf(map.map_SHW);
    this.#values = new Float32Array(rows * columns);
    this.#numbers = instanceNumbers(source.slices);
  }

  dataset({ slice, data }: DicomSliceVoxels): WrittenDataset {
    const { rows, columns } = this.source.series;
    const identity = {
      sopClass: SECONDARY_CAPTURE,
      sopInstance: this.uids.instanceOf(slice),
      series: {
        uid: this.uids.series,
        number: 9902,
        description: this.#description(),
        modality: "OT" as const,
      },
      instance: this.#numbers.get(slice)!,
      model: this.model,
    };
    return {
      ...commonModules(this.source, identity),
      ...this.#derivation(slice),
      ...planeOf(slice),
      // Of no paired body part, as far as the source tells.
      Laterality: "",
      ConversionType: "WSD",
      SamplesPerPixel: 3,
      PhotometricInterpretation: "RGB",
      // The segments of RLE hold one colour each.
      PlanarConfiguration: 1,
      Rows: rows,
      Columns: columns,
      BitsAllocated: 8,
      BitsStored: 8,
      HighBit: 7,
      PixelRepresentation: 0,
      BurnedInAnnotation: this.source.isAnnotated ? "YES" : "NO",
      PixelData: this.#pixels(slice, data),
    };
  }

  #description(): string {
    const start = "Slicestack heat-map (research): ";
    return `${start}${this.map.class}`;
  }

  #derivation(slice: DicomSlice): WrittenDataset {
    const [low, high] = this.map.window;
    const end = this.#limit.toPrecision(3);
    return {
      ImageType: ["DERIVED", "SECONDARY"],
      DerivationDescription:
        `Grad-CAM for the class "${this.map.class}" over the source image (window ${low} to ${high}): ` +
        `from orange to yellow, and opaque, with the evidence; full colour at ${end}`,
      SourceImageSequence: [
        { ...referenceTo(slice), PurposeOfReferenceCodeSequence: [codeItem(CODES.sourceImage)] },
      ],
      ImageComments: RESEARCH_USE,
      ...this.source.lossy,
    };
  }

  #pixels(slice: DicomSlice, data: DicomSliceVoxels["data"]): Uint8Array {
    const { rows, columns } = this.source.series;
    const { position, orientation, pixelSpacing } = slice;
    const plane = {
      position: position!,
      orientation: orientation!,
      pixelSpacing: pixelSpacing!,
      rows,
      columns,
    };
    this.#sampler.sample(plane, this.#values);
    const [low, high] = this.map.window;
    const pixels = new Uint8Array(3 * data.length);
    const scale = this.#limit === 0 ? 0 : 1 / this.#limit;
    for (let i = 0; i < data.length; i++) {
      const grey = Math.min(255, Math.max(0, (255 * (data[i]! - low)) / (high - low)));
      blend(grey, this.#values[i]! * scale, pixels, 3 * i);
    }
    return pixels;
  }
}

/** Where the pixels are, as in the source. */
function planeOf({ image, position, orientation, pixelSpacing, ...slice }: DicomSlice): WrittenDataset {
  const millimetres = (value: number | undefined) => (value === undefined ? undefined : decimal(value));
  const frame = image.frameOfReference;
  return {
    ImagePositionPatient: position!.map((value) => decimal(value)),
    ImageOrientationPatient: orientation!.map((value) => decimal(value)),
    PixelSpacing: pixelSpacing!.map((value) => decimal(value)),
    SliceThickness: millimetres(slice.sliceThickness),
    SpacingBetweenSlices: millimetres(slice.spacingBetweenSlices),
    PatientOrientation: [0, 3].map((from) => directionOf(orientation!.slice(from, from + 3))),
    ...(/^[0-2](\.(0|[1-9]\d*))+$/.test(frame) && frame.length <= 64
      ? { FrameOfReferenceUID: frame, PositionReferenceIndicator: "" }
      : {}),
  };
}

/** The side of the patient toward which a direction points most (PS3.3 C.7.6.1.1.1). */
function directionOf(direction: readonly number[]): string {
  const sizes = direction.map(Math.abs);
  const axis = sizes.indexOf(Math.max(...sizes));
  return (direction[axis]! < 0 ? "RAF" : "LPH").charAt(axis);
}

/** Those of the source where they distinguish its slices, so that both series scroll alike; otherwise from 1. */
function instanceNumbers(slices: readonly DicomSlice[]): ReadonlyMap<DicomSlice, number> {
  const given = slices.flatMap(({ instanceNumber }) =>
    instanceNumber === undefined || instanceNumber < 0 || instanceNumber > 2 ** 31 - 1
      ? []
      : [instanceNumber],
  );
  const areDistinct = new Set(given).size === slices.length && given.length === slices.length;
  return new Map(slices.map((slice, k) => [slice, areDistinct ? slice.instanceNumber! : k + 1]));
}
