/** The plan of the candidates for a data set, or for one as it is expected to be, on this machine. */
import type { Dataset } from "../data/store.js";
import { taskOptionsOf, type TaskOptions } from "../engine/task-options.js";
import type { Choice } from "../plan/choose-config.js";
import { plannedNetwork } from "../plan/choose-network.js";
import { fingerprint } from "../plan/fingerprint.js";
import { measureMachine } from "../plan/plan.js";
import { planCandidates, type CandidatePlan } from "./candidates.js";
import { foldsAround, mostFolds, type Held } from "./folds.js";

export interface PlanWishes {
  budget: number | null;
  device: string;
  threads: number | "auto";
  seed: number;
}

/** @param spent seconds before the plan   @throws BudgetError, SplitError, LibtorchNotFoundError */
export async function planMeasured(
  dataset: Dataset,
  held: Held,
  { budget, device, threads, seed }: PlanWishes,
  spent: number,
  options: TaskOptions,
): Promise<CandidatePlan> {
  const start = performance.now();
  const most = mostFolds(held);
  const fingerprintOf = (folds: number) => fingerprint(dataset, foldsAround(dataset, held, folds, seed)[0]!);
  const smallest = fingerprintOf(2);
  const { machine, networks } = await measureMachine(smallest, {
    ...taskOptionsOf(options),
    device,
    threads,
    trunks: "useful",
    networks: [plannedNetwork()],
  });
  const seconds = (performance.now() - start) / 1000;
  const settings: Choice[] = [
    { key: "seed", value: seed, reason: "of --seed, or the default" },
    ...(device === "auto" ? [] : [{ key: "device", value: device, reason: "of --device" }]),
    ...(threads === "auto" ? [] : [{ key: "threads", value: threads, reason: "of --threads" }]),
  ];
  return planCandidates({
    fingerprintOf,
    mostFolds: most,
    machine,
    network: networks[0]!,
    budget: budget === null ? null : { total: budget, spent: spent + seconds },
    settings,
  });
}
