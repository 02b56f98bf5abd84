/** Chooses one series of each study that has several. */
import { PrepareError, type LabelProblems } from "../errors.js";
import { listed } from "../listed.js";
import type { SetAside, SourceVolume } from "./source.js";

/**
 * One volume per study. The others are added to `left` with the reason; a study without a choice is added to `problems`.
 * @param rule thinnest, a SeriesInstanceUID, or a regular expression on the description, whose thinnest match is taken
 */
export function chooseSeries(
  volumes: readonly SourceVolume[],
  rule: string | undefined,
  problems: LabelProblems,
  left: SetAside[],
): SourceVolume[] {
  const chosen = volumes.filter(({ series }) => series === null);
  for (const study of studiesOf(volumes)) {
    const ranked = rule === undefined ? [] : rankSeries(study, rule);
    const [choice] = study.length === 1 ? study : ranked;
    if (choice === undefined) {
      const list = listed(study.map(describe), 6);
      const why =
        rule === undefined
          ? "pass --series thinnest, a regular expression or a UID"
          : `none matches --series ${rule}`;
      problems.severalSeries.push(`${study[0]!.path}: ${why} (${list})`);
      continue;
    }
    chosen.push(choice);
    for (const other of study)
      if (other !== choice)
        left.push({
          path: other.path,
          reason: `${describe(other)}: ${describe(choice)} was chosen for its study`,
        });
  }
  return chosen;
}

/** The series of each study; volumes that are not DICOM are in none. */
export function studiesOf(volumes: readonly SourceVolume[]): SourceVolume[][] {
  const studies = new Map<string, SourceVolume[]>();
  for (const volume of volumes) {
    if (volume.series === null) continue;
    const study = studies.get(volume.series.study);
    if (study === undefined) studies.set(volume.series.study, [volume]);
    else study.push(volume);
  }
  return [...studies.values()];
}

/** So that acquisition 2 comes before acquisition 10. */
const IN_ORDER = new Intl.Collator("en", { numeric: true });

/**
 * The series that match the rule, the thinnest first.
 * @throws PrepareError if the rule is neither thinnest, a UID nor a regular expression
 */
export function rankSeries(volumes: readonly SourceVolume[], rule: string): SourceVolume[] {
  const pattern = patternOf(rule);
  const fits = ({ series, input }: SourceVolume) => {
    const names = [series?.uid, input.kind === "dicom" ? input.series : null];
    return (
      series !== null && (rule === "thinnest" || names.includes(rule) || pattern.test(series.description))
    );
  };
  return volumes.filter(fits).sort((a, b) => {
    const [x, y] = [a.series!, b.series!];
    return (
      x.spacing - y.spacing ||
      y.slices - x.slices ||
      IN_ORDER.compare(x.uid, y.uid) ||
      IN_ORDER.compare(x.description, y.description)
    );
  });
}

function patternOf(rule: string): RegExp {
  try {
    return new RegExp(rule, "i");
  } catch (cause) {
    const remedy = "Pass, for example, --series lung or --series thinnest.";
    throw new PrepareError(
      `series: expected thinnest, a UID or a regular expression, received ${rule}`,
      remedy,
      {
        cause,
      },
    );
  }
}

function describe({ series }: SourceVolume): string {
  const { description = "", spacing = NaN, slices = 0 } = series ?? {};
  return `series "${description}", ${slices} slices at ${Number(spacing.toFixed(2))} mm`;
}
