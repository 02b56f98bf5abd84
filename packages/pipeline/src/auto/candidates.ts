/** Which candidates are trained, in how many folds and how long each: from the measured speed and the time that is left. */
import { choose, minutes, type Choice, type Machine, type Plan } from "../plan/choose-config.js";
import { chooseNetwork, type NetworkSpeed } from "../plan/choose-network.js";
import type { Fingerprint } from "../plan/fingerprint.js";
import { planYaml } from "../plan/plan.js";
import { BudgetError } from "./errors.js";
import { TITLES, type CandidateName } from "./folder.js";

/** Seconds that a training takes besides its steps: the start, checkpoints, and the choice of the epoch. */
const TRAINING_OVERHEAD = 5;
/** Seconds in which the vote of a trained slice model becomes a run, and in which a run predicts its validation set. */
const SCORING = 3;
/** Seconds in which a run is evaluated on the test set, with its report. */
export const EVALUATION = 8;
/** Seconds of the comparison, the report and the bundle. */
export const CLOSING = 10;

/** A way to spend the time: how many folds, the fewest epochs that make more folds worth it, and whether 3D is trained. */
interface Rung {
  folds: number;
  epochs: number;
  with3d: boolean;
}
/** From the most careful comparison to the least. */
const RUNGS: readonly Rung[] = [
  { folds: 5, epochs: 10, with3d: true },
  { folds: 3, epochs: 8, with3d: true },
  { folds: 2, epochs: 4, with3d: true },
  { folds: 2, epochs: 4, with3d: false },
];

export interface PlannedCandidate {
  name: CandidateName;
  epochs: number;
  /** Estimate for all folds. */
  seconds: number;
  /** The configuration file, each key with its reason. */
  yaml: string;
}

export interface CandidatePlan {
  folds: number;
  /** In the order in which they are trained: 2D reuses the slice stages of 2.5D. */
  candidates: PlannedCandidate[];
  /** Estimate of all trainings and of the readings that follow. */
  seconds: number;
  /** Why these folds and epochs. */
  reasons: string[];
  warnings: string[];
}

export interface Situation {
  /** The fingerprint of the first of so many folds. */
  fingerprintOf: (folds: number) => Fingerprint;
  /** The most folds of which each has every class. */
  mostFolds: number;
  machine: Machine;
  network: NetworkSpeed;
  /** Seconds in all, and what of them is spent already; null: as long as the full plan takes. */
  budget: { total: number; spent: number } | null;
  /** Settings of every configuration, such as its seed. */
  settings: readonly Choice[];
}

/** @throws BudgetError with the least budget that would do */
export function planCandidates(situation: Situation): CandidatePlan {
  const { budget, mostFolds } = situation;
  const rungs = RUNGS.map((rung) => ({ ...rung, folds: Math.min(rung.folds, mostFolds) }));
  if (budget === null) return candidatesOn(rungs[0]!, situation, null)!;
  for (const rung of rungs) {
    const planned = candidatesOn(rung, situation, budget.total - budget.spent);
    if (planned !== null) return planned;
  }
  const least = budget.spent + leastOf(rungs.at(-1)!, situation);
  throw new BudgetError(
    budget.total,
    least,
    `The budget of ${minutes(budget.total)} is too short: ${minutes(budget.spent)} are spent before training, and the smallest comparison, of 2D and 2.5D in ${rungs.at(-1)!.folds} folds of 4 epochs, takes ${minutes(least)} in all`,
    `Give --budget ${Math.ceil(least / 60)}m or more.`,
  );
}

/** @returns null if the rung does not fit into the seconds */
function candidatesOn(rung: Rung, situation: Situation, seconds: number | null): CandidatePlan | null {
  const { folds } = rung;
  const data = situation.fingerprintOf(folds);
  const room = seconds === null ? null : (seconds - closingOf(rung)) / folds - SCORING * namesOf(rung).length;
  const { slices, network } = shared(rung, situation, data, room);
  const plans = [slices, ...(network === null ? [] : [network])];
  const used = plans.reduce((sum, plan) => sum + plan.seconds, 0);
  if (room !== null && (used > room || plans.some((plan) => epochsOf(plan) < rung.epochs))) return null;
  const candidates = [
    candidate("2.5d", slices, situation, data, folds),
    candidate("2d", voteOf(slices), situation, data, folds),
    ...(network === null ? [] : [candidate("3d", network, situation, data, folds)]),
  ];
  return {
    folds,
    candidates,
    seconds: candidates.reduce((sum, one) => sum + one.seconds, 0) + closingOf(rung),
    reasons: reasonsOf(rung, situation, candidates),
    warnings: data.flags,
  };
}

/** Half of the room is for 3D; what one of the two leaves is for the other. */
function shared(
  { with3d }: Rung,
  { machine, network: speed }: Situation,
  data: Fingerprint,
  room: number | null,
): { slices: Plan; network: Plan | null } {
  const slicesIn = (part: number | null) => choose(data, machine, part, TRAINING_OVERHEAD);
  const networkIn = (part: number | null) =>
    chooseNetwork(data, { device: machine.device, speed }, part, TRAINING_OVERHEAD);
  if (!with3d) return { slices: slicesIn(room), network: null };
  if (room === null) return { slices: slicesIn(null), network: networkIn(null) };
  const slices = slicesIn(room - Math.min(room / 2, networkIn(room / 2).seconds));
  return { slices, network: networkIn(room - slices.seconds) };
}

const namesOf = ({ with3d }: Rung): CandidateName[] => (with3d ? ["2d", "2.5d", "3d"] : ["2d", "2.5d"]);

/** Every candidate may be part of an ensemble, which is then read on the test set. */
const closingOf = (rung: Rung): number => rung.folds * namesOf(rung).length * EVALUATION + CLOSING;

function leastOf(rung: Rung, situation: Situation): number {
  const { slices } = shared(rung, situation, situation.fingerprintOf(rung.folds), 0);
  return rung.folds * (slices.seconds + SCORING * namesOf(rung).length) + closingOf(rung);
}

/** The 2D method is the vote of the slice stage that 2.5D trains. */
function voteOf(slices: Plan): Plan {
  const choices = slices.choices
    .filter(({ key }) => !key.startsWith("head."))
    .map((choice) =>
      choice.key === "method"
        ? { ...choice, value: "2d", reason: "the vote of the slices, without a head" }
        : choice,
    );
  return { ...slices, choices, seconds: 0 };
}

const epochsOf = ({ choices }: Plan): number =>
  Number(choices.find(({ key }) => key === "slice.epochs" || key === "network.epochs")?.value);

function candidate(
  name: CandidateName,
  plan: Plan,
  { machine, settings }: Situation,
  data: Fingerprint,
  folds: number,
): PlannedCandidate {
  const seconds = plan.seconds + SCORING;
  // Warnings are given once, for all candidates.
  const yaml = planYaml({ choices: [...plan.choices, ...settings], seconds, warnings: [] }, data, machine);
  return { name, epochs: epochsOf(plan), seconds: folds * seconds, yaml };
}

function reasonsOf(
  rung: Rung,
  { budget, mostFolds }: Situation,
  candidates: readonly PlannedCandidate[],
): string[] {
  const epochs = candidates
    .filter(({ name }) => name !== "2d")
    .map((one) => `${TITLES[one.name]} ${one.epochs} epochs`);
  const planned = `${rung.folds} folds, ${epochs.join(", ")}`;
  const few =
    mostFolds < RUNGS[0]!.folds
      ? [`A class has ${mostFolds} subjects outside the test set, and every fold needs one.`]
      : [];
  if (budget === null) return [`${planned}: the full plan, because no budget was given.`, ...few];
  const left = minutes(budget.total - budget.spent);
  return [
    `${planned}: the most that fits into the ${left} that are left of ${minutes(budget.total)}, by the measured speed of this machine.`,
    ...few,
    ...(rung.with3d ? [] : ["3D is left out: its smallest training does not fit."]),
  ];
}
