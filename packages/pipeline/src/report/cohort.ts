/** Who is in a data set and in the parts of its splits: the flow diagram and Table 1 of a run or a group. */
import type { Dataset } from "../data/store.js";
import type { TaskVolume } from "../data/task.js";
import type { OpenRun } from "../run/open-run.js";
import { readSubjectTable, type SubjectTable } from "../evaluate/subject-table.js";
import type { Flow } from "./figures/flow.js";
import { participantsOf, type Participants } from "./participants.js";
import { countPart } from "./part-counts.js";

/** One split of the data set, as a run opened it. */
export interface CohortSplit {
  /** Such as "fold1"; shown only if there are several splits. */
  name: string;
  opened: Pick<OpenRun, "dataset" | "split" | "task">;
}

/** Another data set that is scored. */
export interface OtherCohort {
  dataset: Dataset;
  volumes: readonly TaskVolume[];
  table: SubjectTable;
}

interface Part {
  name: string;
  volumes: readonly TaskVolume[];
}

/** More parts than this do not fit beside each other. */
const MOST_FOLDS = 6;

/** From the sources of the data set to the parts of its splits. @param splits of one data set, at least one */
export function flowOf(splits: readonly CohortSplit[], other: OtherCohort | null): Flow {
  const { dataset, task } = splits[0]!.opened;
  const { info, volumes } = dataset;
  const inSplit = new Set(splits.flatMap(({ opened }) => Object.values(opened.split.parts).flat()));
  const used = union(splits.flatMap(({ opened }) => Object.values(opened.task.parts).flat())).length;
  const notInSplit = volumes.filter(({ id }) => !inSplit.has(id)).length;
  const refused = info.quarantined?.length ?? 0;
  const count = ({ name, volumes: of }: Part) => countPart(name, of, task.classes.count);
  return {
    read: volumes.length + refused,
    refused,
    dataset: {
      name: info.name,
      volumes: volumes.length,
      subjects: new Set(volumes.map(({ subject }) => subject)).size,
    },
    leftOut: [
      { reason: "no class of this task", volumes: volumes.length - notInSplit - used },
      { reason: "in no part of the split", volumes: notInSplit },
    ].filter((entry) => entry.volumes > 0),
    parts: partsOf(splits).map(count),
    classes: task.classes.names,
    external: other === null ? null : count(externalPart(other)),
  };
}

/** Table 1. Over folds, its first column holds all subjects that are tested. */
export function cohortTable(splits: readonly CohortSplit[], other: OtherCohort | null): Participants | null {
  const table = readSubjectTable(splits[0]!.opened.dataset.directory);
  const parts = partsOf(splits);
  const isFolds = splits.length > 1 && parts.length > 2;
  const all = isFolds ? [{ name: "all", volumes: union(parts.flatMap(({ volumes }) => volumes)) }] : [];
  if (other === null) return participantsOf([...all, ...parts].map((part) => ({ ...part, table })));
  const known = isFolds ? all : parts.filter(({ name }) => name !== "test");
  return participantsOf([
    ...known.map((part) => ({ ...part, table })),
    { ...externalPart(other), table: other.table },
  ]);
}

const externalPart = ({ dataset, volumes }: OtherCohort): Part => ({
  name: `${dataset.info.name}, external`,
  volumes,
});

/** The parts of one split; of several, the test part of each, or the test part that they share. */
function partsOf(splits: readonly CohortSplit[]): Part[] {
  const { train, val, test } = splits[0]!.opened.task.parts;
  if (splits.length === 1)
    return [
      { name: "train", volumes: train },
      { name: "val", volumes: val },
      { name: "test", volumes: test },
    ];
  const tests = splits.map(({ name, opened }) => ({ name: `${name} test`, volumes: opened.task.parts.test }));
  const tested = union(tests.flatMap(({ volumes }) => volumes));
  if (tests.every(({ volumes }) => volumes.length === tested.length)) {
    const rest = splits.flatMap(({ opened }) => [...opened.task.parts.train, ...opened.task.parts.val]);
    return [
      { name: `train or val, ${splits.length} folds`, volumes: union(rest) },
      { name: "test", volumes: test },
    ];
  }
  if (splits.length <= MOST_FOLDS) return tests;
  return [{ name: `test, ${splits.length} splits`, volumes: tested }];
}

function union(volumes: readonly TaskVolume[]): TaskVolume[] {
  return [...new Map(volumes.map((volume) => [volume.id, volume])).values()];
}
