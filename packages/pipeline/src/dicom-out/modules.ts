/** The modules of attributes that the report and the heat-map share (PS3.3). */
import { OWN_EQUIPMENT, type WrittenDataset } from "@slicestack/volume";
import { softwareVersions } from "../run/software-versions.js";
import type { SourceStudy } from "./source-study.js";

/** Where an object is filed, and what wrote it. */
export interface ObjectIdentity {
  sopClass: string;
  sopInstance: string;
  series: { uid: string; number: number; description: string; modality: "SR" | "OT" };
  instance: number;
  /** SHA-256 of the model. */
  model: string;
}

export const softwareVersion = (): string => softwareVersions()["slicestack"]!;

/** Patient, study, series, equipment and SOP common. */
export function commonModules(source: SourceStudy, identity: ObjectIdentity): WrittenDataset {
  const { characterSet, copied } = source;
  const { sopClass, sopInstance, series, instance, model } = identity;
  const terms = characterSet.split("\\");
  return {
    ...(characterSet === "" ? {} : { SpecificCharacterSet: terms.length === 1 ? terms[0] : terms }),
    SOPClassUID: sopClass,
    SOPInstanceUID: sopInstance,
    ...copied,
    Modality: series.modality,
    SeriesInstanceUID: series.uid,
    SeriesNumber: String(series.number),
    SeriesDescription: series.description,
    InstanceNumber: String(instance),
    Manufacturer: OWN_EQUIPMENT.manufacturer,
    ManufacturerModelName: OWN_EQUIPMENT.model,
    DeviceSerialNumber: model,
    SoftwareVersions: softwareVersion(),
  };
}
