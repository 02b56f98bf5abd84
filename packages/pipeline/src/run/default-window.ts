/** Chooses the window of a run if its configuration leaves it open. It is kept in config.yaml, so that it never changes. */
import type { RunConfig } from "../config/types.js";
import type { Dataset } from "../data/store.js";
import { defaultWindow } from "../data/window.js";
import type { TaskVolume } from "../data/task.js";
import { readRunConfig } from "./folder.js";

const isOpen = ({ transform }: RunConfig): boolean => transform.window === null && transform.windows === null;

/**
 * @param train volumes of the training set   @param donor a run whose slice stage is reused, and with it its window
 * @returns the configuration with a window, and the origin of that window; null if the configuration names it
 */
export function resolveWindow(
  config: RunConfig,
  dataset: Dataset,
  train: readonly TaskVolume[],
  donor?: string,
): { config: RunConfig; origin: string | null } {
  if (!isOpen(config)) return { config, origin: null };
  const donated = donor === undefined ? null : readRunConfig(donor).transform.window;
  // A run of an earlier version has none: it uses the range of the data set's type, and so do runs that are built on it.
  if (donor !== undefined && donated === null) return { config, origin: null };
  const { window, origin } =
    donated === null ? defaultWindow(dataset, train) : { window: donated, origin: "that of the slice stage" };
  return { config: { ...config, transform: { ...config.transform, window } }, origin };
}

/** The requested configuration; if it leaves the window open, with the window of the run that was begun with it. */
export function withWindowOf(begun: RunConfig, asked: RunConfig): RunConfig {
  if (!isOpen(asked)) return asked;
  return { ...asked, transform: { ...asked.transform, window: begun.transform.window } };
}

/** The configuration of a run; the window is left open if it is open in `asked`, the configuration that the run was begun with. */
export function withoutDefaultWindow(config: RunConfig, asked: RunConfig): RunConfig {
  if (!isOpen(asked)) return config;
  return { ...config, transform: { ...config.transform, window: null } };
}
