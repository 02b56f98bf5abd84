/** Formats the result of an inspection for a terminal. */
import type { SetAside } from "../data/ingest/source.js";
import type { Comparison } from "./compare.js";
import type { DatasetLook, Spread } from "./dataset-look.js";
import { histogramText, type Histogram } from "./histogram.js";
import type { InputsComparison } from "./inputs.js";
import type { InspectResult } from "./inspect-result.js";
import { aligned, bytes, counted, short, terms, times } from "./number-text.js";
import type { SeriesLook } from "./series-look.js";
import type { AsideCount, FileLook, SourceLook } from "./source-look.js";
import type { ValueFacts } from "./values.js";
import type { VolumeLook } from "./volume-look.js";

/** Rows of a list that are shown; the JSON output has all. */
const ROWS = 50;

export function inspectText({ look, comparison, inputs, files, preview }: InspectResult): string {
  return [
    lookText(look),
    ...(preview === null ? [] : [preview]),
    ...(comparison === null ? [] : [comparisonText(comparison)]),
    ...(inputs === null ? [] : [inputsText(inputs)]),
    ...(files.length === 0 ? [] : [`Written: ${files.join(", ")}`]),
  ].join("\n\n");
}

function lookText(look: InspectResult["look"]): string {
  if (look.kind === "volume") return volumeText(look);
  return look.kind === "dataset" ? datasetText(look) : sourceText(look);
}

const SIDES: Record<string, string> = { L: "left", R: "right", P: "back", A: "front", S: "head", I: "feet" };

function volumeText(look: VolumeLook): string {
  const {
    name,
    format,
    shape,
    spacing,
    origin,
    direction,
    orientation,
    unit,
    dtype,
    values,
    histogram,
    facts,
  } = look;
  const sides = [...(orientation ?? "")].map((letter, k) => `${"xyz"[k]} to the ${SIDES[letter]}`).join(", ");
  const extent = shape.map((n, axis) => Math.round(n * spacing[axis]!));
  const rows = [0, 1, 2].map((row) =>
    direction
      .slice(3 * row, 3 * row + 3)
      .map(short)
      .join("  "),
  );
  const geometryTerms: [string, string][] =
    orientation === null
      ? [["position", "unknown: the format stores neither spacing nor orientation"]]
      : [
          ["spacing", `${times(spacing)} mm, field of view ${times(extent)} mm`],
          ["orientation", `${orientation}: ${sides}`],
          ["origin", `${origin.map(short).join(", ")} mm (towards left, back, head)`],
          ["direction", rows.join("\n")],
        ];
  return [
    `${name}: ${format}`,
    terms([
      ["shape", `${times(shape)} voxels`],
      ...geometryTerms,
      ["values", `${unit === "HU" ? "HU" : "no unit"}, ${dtype}`],
      ...valueTerms(values),
      ...Object.entries(facts),
    ]),
    histogramBlock(histogram, unit),
    ...brokenBlock(look.broken),
    ...asideBlock(look.setAside),
  ].join("\n\n");
}

function valueTerms({
  nonFinite,
  min,
  max,
  mean,
  standardDeviation,
  percentiles,
}: ValueFacts): [string, string][] {
  const spread = `${short(min)} to ${short(max)}, mean ${short(mean)}, standard deviation ${short(standardDeviation)}`;
  const shares = Object.entries(percentiles).map(([name, value]) => `${name.slice(1)} %: ${short(value)}`);
  return [
    ["range", nonFinite > 0 ? `${spread}; ${nonFinite} are NaN or infinite` : spread],
    ["percentiles", shares.join(", ")],
  ];
}

function histogramBlock(histogram: Histogram, unit: "HU" | "arbitrary"): string {
  const what = unit === "HU" ? "HU from" : "values from";
  return `Share of voxels by ${what} (bars show the square root)\n${histogramText(histogram)}`;
}

function datasetText(look: DatasetLook): string {
  const { volumes, subjects, slices, height, width, depth, unit, dtype, source } = look;
  const recipe = Object.entries(look.recipe).map(([key, value]) => `${key} ${String(value)}`);
  const arrays = look.recipe["orientation"] !== "LPS";
  const spacings: [string, string][] = arrays
    ? []
    : [
        [
          "source spacing",
          `${spread(source.pixelSpacing)} mm in plane, ${spread(source.sliceSpacing)} mm between slices`,
        ],
      ];
  return [
    `${look.name}: ${counted(volumes, "volume")} of ${counted(subjects, "subject")}, ${counted(slices, "slice")}`,
    terms([
      [
        "slices",
        `${height} x ${width}, ${spread(depth)} per volume, ${dtype} ${unit === "HU" ? "HU" : "without unit"}, ${bytes(look.bytes)}`,
      ],
      ["source size", `${spread(source.columns)} x ${spread(source.rows)} x ${spread(source.slices)}`],
      ...spacings,
      ["recipe", recipe.join(", ")],
      [
        "made by",
        Object.entries(look.versions)
          .map(([name, version]) => `${name} ${version}`)
          .join(", "),
      ],
      ["split", look.split ?? "none"],
      ["hash", look.hash],
      ...valueTerms(look.values),
    ]),
    classTable(look),
    histogramBlock(look.histogram, unit),
    ...quarantineBlock(look),
  ].join("\n\n");
}

/** One number, or the smallest, the median and the largest. */
function spread([least, median, most]: Spread): string {
  return least === most ? short(least) : `${short(least)} … ${short(median)} … ${short(most)}`;
}

function classTable({ classes }: DatasetLook): string {
  const parts = classes.some(({ parts }) => parts !== null);
  const rows = classes.map(({ label, name, subjects, volumes, parts }) => [
    `${name} (${label})`,
    ...[subjects, volumes, ...(parts === null ? [] : [parts.train, parts.val, parts.test])].map(String),
  ]);
  const titles = ["class", "subjects", "volumes", ...(parts ? ["train", "val", "test"] : [])];
  return indent(aligned([titles, ...rows], [1, 2, 3, 4, 5]));
}

function quarantineBlock({ quarantined }: DatasetLook): string[] {
  if (quarantined.length === 0) return [];
  const lines = quarantined.slice(0, ROWS).map(({ source, reason }) => `  ${source}: ${reason}`);
  return [`${quarantined.length} quarantined\n${lines.join("\n")}${more(quarantined.length)}`];
}

function sourceText({ source, files, series, volumes, broken, setAside }: SourceLook): string {
  const patients = new Set(series.map(({ patient }) => patient)).size;
  const studies = new Set(series.map(({ study }) => study)).size;
  const kinds = [
    ...(series.length > 0
      ? [`${series.length} DICOM series in ${counted(studies, "study")} of ${counted(patients, "patient")}`]
      : []),
    ...(volumes.length > 0 ? [counted(volumes.length, series.length > 0 ? "other volume" : "volume")] : []),
  ];
  return [
    `${source}: ${kinds.length > 0 ? kinds.join(", ") : "no volume"} among ${counted(files, "file")}`,
    ...(series.length > 0 ? [seriesBlock(series)] : []),
    ...(volumes.length > 0 ? [fileBlock(volumes)] : []),
    ...brokenBlock(broken),
    ...asideBlock(setAside),
    ...(series.length + volumes.length > 1
      ? [`Choose one with ${series.length > 0 ? "--series UID, --series thinnest or " : ""}--id.`]
      : []),
  ].join("\n\n");
}

function seriesBlock(series: readonly SeriesLook[]): string {
  const titles = ["study", "slices", "spacing", "size", "transfer syntax", "description"];
  const rows = series
    .slice(0, ROWS)
    .map(({ study, slices, sliceSpacing, size, transferSyntaxes, description }) => [
      String(study),
      String(slices),
      sliceSpacing === null ? "–" : `${short(Number(sliceSpacing.toFixed(3)))} mm`,
      times(size),
      several(transferSyntaxes),
      description === "" ? "(none)" : description,
    ]);
  const [head, ...lines] = aligned([titles, ...rows], [0, 1, 2, 3]).split("\n");
  const details = lines.map((line, k) =>
    [line, ...detailsOf(series[k]!).map((text) => `       ${text}`)].join("\n"),
  );
  return `${indent([head, ...details].join("\n"))}${more(series.length)}`;
}

const several = ([first = "–", ...others]: readonly string[]): string =>
  others.length === 0 ? first : `${first} and ${others.length} more`;

function detailsOf({ uid, source, patient, path, refused, mended }: SeriesLook): string[] {
  return [
    `${uid === "" ? "no UID" : uid}  patient ${patient === "" ? "unknown" : patient}  ${path}`,
    `in a data set: ${source}`,
    ...(refused === null ? [] : [`refused: ${refused.replaceAll(/\s*\n\s*/g, " ")}`]),
    ...mended.map((text) => `corrected: ${text}`),
  ];
}

function fileBlock(volumes: readonly FileLook[]): string {
  const labelled = volumes.some((volume) => volume.class !== null);
  const parts = volumes.some(({ part }) => part !== null);
  const titles = [
    "path",
    "format",
    "shape",
    "spacing",
    ...(labelled ? ["class"] : []),
    ...(parts ? ["part"] : []),
  ];
  const rows = volumes
    .slice(0, ROWS)
    .map((volume) => [
      volume.path,
      volume.format,
      volume.shape === null ? "–" : times(volume.shape),
      volume.spacing === null ? "–" : `${times(volume.spacing)} mm`,
      ...(labelled ? [volume.class ?? "–"] : []),
      ...(parts ? [volume.part ?? "–"] : []),
    ]);
  const [head, ...lines] = aligned([titles, ...rows]).split("\n");
  const details = lines.flatMap((line, k) => {
    const { refused } = volumes[k]!;
    return refused === null ? [line] : [line, `  refused: ${refused.replaceAll(/\s*\n\s*/g, " ")}`];
  });
  return `${indent([head, ...details].join("\n"))}${more(volumes.length)}`;
}

function brokenBlock(broken: readonly SetAside[]): string[] {
  if (broken.length === 0) return [];
  const lines = broken.slice(0, ROWS).map(({ path, reason }) => `  ${path}: ${reason}`);
  return [`Cannot be read\n${lines.join("\n")}${more(broken.length)}`];
}

function asideBlock(setAside: readonly AsideCount[]): string[] {
  if (setAside.length === 0) return [];
  const rows = setAside.map(({ code, files, example }) => [
    code,
    counted(files, "file"),
    `${example.path}: ${example.reason}`,
  ]);
  return [`Set aside\n${indent(aligned(rows, [1]))}`];
}

function comparisonText({ source, sameFile, geometry, difference, withinRounding }: Comparison): string {
  const geometryText =
    geometry === null
      ? "the shape differs from the index"
      : `origin within ${short(geometry.originMm)} mm of the index, spacing within ${short(geometry.spacingMm)} mm`;
  const verdict = withinRounding
    ? "within rounding"
    : "MORE than rounding: the index does not match this source";
  return `Compared with the source ${source}\n${terms([
    ["file", sameFile ? "the prepared file (same SHA-256)" : "NOT the prepared file (another SHA-256)"],
    ["geometry", geometryText],
    ["difference", `at most ${short(difference.largest)}, mean ${short(difference.mean)}: ${verdict}`],
  ])}`;
}

function inputsText({
  window,
  mean,
  std,
  arrays,
  largestDifference,
  largestNormalised,
}: InputsComparison): string {
  const rows = arrays.map(({ loader, shape, min, max, mean, sha256 }) => [
    loader,
    times(shape),
    short(min),
    short(max),
    short(mean),
    sha256.slice(0, 12),
  ]);
  return [
    `Input of a model: ${short(window[0])} to ${short(window[1])} as 0 to 1, then minus ${short(mean)}, divided by ${short(std)}`,
    indent(aligned([["loader", "H x W x D", "min", "max", "mean", "SHA-256"], ...rows], [2, 3, 4])),
    arrays.length > 1
      ? `  largest difference ${short(largestDifference)}, normalised ${short(largestNormalised)}`
      : "  Slices are resized (slice.size), which 3D models do to whole volumes (network.size): no other loader gives this array.",
  ].join("\n");
}

const indent = (text: string): string => text.replaceAll(/^/gm, "  ");
const more = (total: number): string =>
  total > ROWS ? `\n  … and ${total - ROWS} more: --json lists all` : "";
