/** Coded concepts of the report: those of DICOM, LOINC and UCUM, and the private scheme for what these lack. */
import type { WrittenDataset } from "@slicestack/volume";
import { sha256Of } from "../data/sealed-json.js";

export interface Code {
  value: string;
  scheme: "DCM" | "LN" | "UCUM" | "RFC5646" | typeof PRIVATE_SCHEME;
  meaning: string;
}

const PRIVATE_SCHEME = "99SLICESTACK";

/** Declares the private scheme in an object that uses it (PS3.3 C.12.1.1). */
export const CODING_SCHEME: WrittenDataset = {
  CodingSchemeDesignator: PRIVATE_SCHEME,
  CodingSchemeUID: "2.25.47579679619059318109001717409447902831",
  CodingSchemeName: "Slicestack: concepts of a prediction",
  CodingSchemeResponsibleOrganization: "Slicestack",
};

const dcm = (value: string, meaning: string): Code => ({ value, scheme: "DCM", meaning });
const privateCode = (value: string, meaning: string): Code => ({ value, scheme: PRIVATE_SCHEME, meaning });

export const CODES = {
  report: dcm("126000", "Imaging Measurement Report"),
  language: dcm("121049", "Language of Content Item and Descendants"),
  english: { value: "en", scheme: "RFC5646", meaning: "English" },
  observerType: dcm("121005", "Observer Type"),
  device: dcm("121007", "Device"),
  deviceUid: dcm("121012", "Device Observer UID"),
  deviceName: dcm("121013", "Device Observer Name"),
  deviceManufacturer: dcm("121014", "Device Observer Manufacturer"),
  deviceModel: dcm("121015", "Device Observer Model Name"),
  deviceSerial: dcm("121016", "Device Observer Serial Number"),
  procedure: dcm("121058", "Procedure reported"),
  // Of context group 100, from which TID 1500 takes its procedures.
  computedTomography: { value: "25045-6", scheme: "LN", meaning: "CT unspecified body region" },
  measurements: dcm("126010", "Imaging Measurements"),
  group: dcm("125007", "Measurement Group"),
  trackingId: dcm("112039", "Tracking Identifier"),
  trackingUid: dcm("112040", "Tracking Unique Identifier"),
  algorithmName: dcm("111001", "Algorithm Name"),
  algorithmVersion: dcm("111003", "Algorithm Version"),
  algorithmParameters: dcm("111002", "Algorithm Parameters"),
  sourceOfMeasurement: dcm("121112", "Source of Measurement"),
  sourceImage: dcm("121322", "Source image for image processing operation"),
  seriesUid: dcm("112002", "Series Instance UID"),
  comment: dcm("121106", "Comment"),
  noUnits: { value: "1", scheme: "UCUM", meaning: "no units" },
  class: privateCode("class", "Class"),
  calibrated: privateCode("calibrated", "Calibrated probability of the class"),
  uncalibrated: privateCode("uncalibrated", "Uncalibrated probability of the class"),
  decision: privateCode("decision", "Decision"),
  threshold: privateCode("threshold", "Threshold on the uncalibrated probability"),
  inSet: privateCode("in-set", "Class in the prediction set"),
  emptySet: privateCode("empty-set", "No class: the prediction set is empty"),
  miss: privateCode("set-miss", "Expected share of sets without the true class"),
  sliceWeight: privateCode("slice-weight", "Weight of the slice"),
  warning: privateCode("warning", "Warning"),
} as const satisfies Record<string, Code>;

/** A class of a model. Its value follows from its name, so that one value never has two meanings. */
export const classCode = (name: string): Code =>
  privateCode(`C-${sha256Of(name).slice(0, 12)}`, name.trim() === "" ? "Class without a name" : name);

export const codeItem = ({ value, scheme, meaning }: Code): WrittenDataset => ({
  CodeValue: value,
  CodingSchemeDesignator: scheme,
  CodeMeaning: meaning,
});
