/** Where a study has several series, one of them stands for it. */
import { PrepareError, type LabelProblems } from "../errors.js";
import { listed } from "../listed.js";
import type { SetAside, SourceVolume } from "./source.js";

/**
 * One volume a study; what is not chosen goes to `left` with the reason. A study whose choice is open goes to `problems`.
 * @param rule thinnest, a SeriesInstanceUID, or a regular expression on the description, of which the thinnest is taken
 */
export function chooseSeries(
  volumes: readonly SourceVolume[],
  rule: string | undefined,
  problems: LabelProblems,
  left: SetAside[],
): SourceVolume[] {
  const studies = new Map<string, SourceVolume[]>();
  const chosen: SourceVolume[] = [];
  for (const volume of volumes) {
    if (volume.series === null) chosen.push(volume);
    else studies.set(volume.series.study, [...(studies.get(volume.series.study) ?? []), volume]);
  }
  for (const study of studies.values()) {
    const ranked = rule === undefined ? [] : rankSeries(study, rule);
    const [one] = study.length === 1 ? study : ranked;
    if (one === undefined) {
      const list = listed(study.map(describe), 6);
      const why =
        rule === undefined ? "pass --series thinnest, a regular expression or a UID" : `none matches --series ${rule}`;
      problems.severalSeries.push(`${study[0]!.path}: ${why} (${list})`);
      continue;
    }
    chosen.push(one);
    for (const other of study)
      if (other !== one)
        left.push({ path: other.path, reason: `${describe(other)}: ${describe(one)} stands for its study` });
  }
  return chosen;
}

/**
 * Of the volumes that are series, those that the rule means, the thinnest first.
 * @throws PrepareError a rule that is neither a word, a UID nor a regular expression
 */
export function rankSeries(volumes: readonly SourceVolume[], rule: string): SourceVolume[] {
  const pattern = patternOf(rule);
  const fits = ({ series }: SourceVolume) =>
    series !== null && (rule === "thinnest" || series.uid === rule || pattern.test(series.description));
  return volumes.filter(fits).sort((a, b) => {
    const [x, y] = [a.series!, b.series!];
    return x.spacing - y.spacing || y.slices - x.slices || (x.uid < y.uid ? -1 : 1);
  });
}

function patternOf(rule: string): RegExp {
  try {
    return new RegExp(rule, "i");
  } catch (cause) {
    const remedy = "Such as --series lung, or --series thinnest.";
    throw new PrepareError(`series: expected thinnest, a UID or a regular expression, received ${rule}`, remedy, {
      cause,
    });
  }
}

function describe({ series }: SourceVolume): string {
  const { description = "", spacing = NaN, slices = 0 } = series ?? {};
  return `series "${description}", ${slices} slices at ${Number(spacing.toFixed(2))} mm`;
}
