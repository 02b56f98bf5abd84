/**
 * A prediction as a structured report: TID 1500 Measurement Report (PS3.16) with one measurement group (TID 1501), in a
 * Comprehensive 3D SR in the study of the scan.
 */
import type { WrittenDataset } from "@slicestack/volume";
import { classCode, CODES, CODING_SCHEME, type Code } from "./codes.js";
import { code, container, image, number, text, uid } from "./content-items.js";
import { countedSlices } from "./counted-slices.js";
import { commonModules, softwareVersion } from "./modules.js";
import { evidenceOf, referenceTo, type SourceStudy } from "./source-study.js";
import { RESEARCH_USE, type PreparedPlace, type StatedResult } from "./stated.js";

const COMPREHENSIVE_3D_SR = "1.2.840.10008.5.1.4.1.1.88.34";
const SERIES = { number: 9901, description: "Slicestack report (research)", modality: "SR" } as const;
/** ContentDate where the study has no date: it must not be empty. */
const NO_DATE = { date: "19000101", time: "000000" };

export interface ReportUids {
  series: string;
  instance: string;
  /** Of the model as a device. */
  device: string;
  tracking: string;
}

/** @param uids these follow from the source and the model; see identity.ts */
export function reportDataset(
  source: SourceStudy,
  result: StatedResult,
  place: PreparedPlace,
  uids: ReportUids,
): WrittenDataset {
  const { model } = result;
  const identity = {
    sopClass: COMPREHENSIVE_3D_SR,
    sopInstance: uids.instance,
    series: { uid: uids.series, ...SERIES },
    instance: 1,
    model: model.sha256,
  };
  const root = container(CODES.report, rootContent(source, result, place, uids), { template: "1500" });
  return {
    ...commonModules(source, identity),
    ReferencedPerformedProcedureStepSequence: [],
    // The time of the study, not of the clock: predicting twice gives the same bytes.
    ContentDate: source.date ?? NO_DATE.date,
    ContentTime: source.date === null ? NO_DATE.time : (source.time ?? NO_DATE.time),
    PerformedProcedureCodeSequence: [],
    CompletionFlag: "COMPLETE",
    VerificationFlag: "UNVERIFIED",
    CurrentRequestedProcedureEvidenceSequence: [evidenceOf(source)],
    CodingSchemeIdentificationSequence: [CODING_SCHEME],
    ...root,
  };
}

function rootContent(
  source: SourceStudy,
  result: StatedResult,
  place: PreparedPlace,
  { device, tracking }: ReportUids,
): WrittenDataset[] {
  const { model } = result;
  return [
    code("HAS CONCEPT MOD", CODES.language, CODES.english),
    code("HAS OBS CONTEXT", CODES.observerType, CODES.device),
    uid("HAS OBS CONTEXT", CODES.deviceUid, device),
    text("HAS OBS CONTEXT", CODES.deviceName, `Slicestack: ${model.name}`),
    text("HAS OBS CONTEXT", CODES.deviceManufacturer, "Slicestack"),
    text("HAS OBS CONTEXT", CODES.deviceModel, model.name),
    text("HAS OBS CONTEXT", CODES.deviceSerial, model.sha256),
    code("HAS CONCEPT MOD", CODES.procedure, CODES.computedTomography),
    container(CODES.measurements, [groupOf(source, result, place, tracking)], { relationship: "CONTAINS" }),
    text("CONTAINS", CODES.comment, RESEARCH_USE),
  ];
}

function groupOf(
  source: SourceStudy,
  result: StatedResult,
  place: PreparedPlace,
  tracking: string,
): WrittenDataset {
  const content = [
    text("HAS OBS CONTEXT", CODES.trackingId, "Classification of the series"),
    uid("HAS OBS CONTEXT", CODES.trackingUid, tracking),
    ...algorithmOf(result),
    uid("CONTAINS", CODES.seriesUid, source.series.seriesUid),
    ...decisionOf(result),
    ...probabilitiesOf(result),
    ...countedSlices(result.slices, place, source.slices).map(({ source: slice, weight }) =>
      number(CODES.sliceWeight, weight, [
        image("INFERRED FROM", CODES.sourceOfMeasurement, referenceTo(slice)),
      ]),
    ),
    ...result.warnings.map(({ message }) => text("CONTAINS", CODES.warning, message)),
  ];
  return container(CODES.group, content, { relationship: "CONTAINS", template: "1501" });
}

/** TID 4019. */
function algorithmOf({ model, calibrated, decision }: StatedResult): WrittenDataset[] {
  const members = model.members === 1 ? "" : `, mean of ${model.members} models`;
  const parameters = [
    `method: ${model.method}${members}`,
    `decision: ${decision.rule}`,
    `probabilities: ${calibrated ? "calibrated on the validation set" : "not calibrated"}`,
  ];
  return [
    text("HAS CONCEPT MOD", CODES.algorithmName, model.name),
    text(
      "HAS CONCEPT MOD",
      CODES.algorithmVersion,
      `slicestack ${softwareVersion()}, model sha256:${model.sha256}`,
    ),
    ...parameters.map((parameter) => text("HAS CONCEPT MOD", CODES.algorithmParameters, parameter)),
  ];
}

/** The decision, its threshold, and the classes that cannot be ruled out. */
function decisionOf({ decision, set, uncalibrated }: StatedResult): WrittenDataset[] {
  const items = [code("CONTAINS", CODES.decision, classCode(decision.class))];
  // A threshold is on the second class; one above 1 says that it is never chosen.
  const second = Object.keys(uncalibrated)[1];
  if (decision.threshold !== null && decision.threshold <= 1 && second !== undefined)
    items.push(number(CODES.threshold, decision.threshold, [ofClass(second)]));
  if (set === null) return items;
  const members = set.classes.length === 0 ? [CODES.emptySet] : set.classes.map(classCode);
  return [
    ...items,
    ...members.map((member) => code("CONTAINS", CODES.inSet, member)),
    number(CODES.miss, set.miss),
  ];
}

function probabilitiesOf({ probabilities, uncalibrated, calibrated }: StatedResult): WrittenDataset[] {
  const listed = (concept: Code, by: Readonly<Record<string, number>>) =>
    Object.entries(by).map(([name, value]) => number(concept, value, [ofClass(name)]));
  return [
    ...(calibrated ? listed(CODES.calibrated, probabilities) : []),
    ...listed(CODES.uncalibrated, uncalibrated),
  ];
}

const ofClass = (name: string): WrittenDataset => code("HAS CONCEPT MOD", CODES.class, classCode(name));
