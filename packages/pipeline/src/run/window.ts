/** The window that a run takes where its configuration names none: kept in its config.yaml, so that it never changes. */
import type { RunConfig } from "../config/types.js";
import type { Dataset } from "../data/store.js";
import { defaultWindow } from "../data/window.js";
import type { TaskVolume } from "../data/task.js";
import { readRunConfig } from "./folder.js";

const isOpen = ({ transform }: RunConfig): boolean => transform.window === null && transform.windows === null;

/**
 * @param train volumes of the training set   @param donor a run whose slice stage is taken over: its window comes along
 * @returns the configuration with a window, and where that came from; null where the configuration names it
 */
export function resolveWindow(
  config: RunConfig,
  dataset: Dataset,
  train: readonly TaskVolume[],
  donor?: string,
): { config: RunConfig; origin: string | null } {
  if (!isOpen(config)) return { config, origin: null };
  const donated = donor === undefined ? null : readRunConfig(donor).transform.window;
  // A run of an earlier version kept none: it, and what is built on it, has the range of the data set's type.
  if (donor !== undefined && donated === null) return { config, origin: null };
  const { window, origin } =
    donated === null ? defaultWindow(dataset, train) : { window: donated, origin: "that of the slice stage" };
  return { config: { ...config, transform: { ...config.transform, window } }, origin };
}

/** The configuration as it was asked for, with the window of a run that was begun with it, where it leaves that open. */
export function withWindowOf(begun: RunConfig, asked: RunConfig): RunConfig {
  if (!isOpen(asked)) return asked;
  return { ...asked, transform: { ...asked.transform, window: begun.transform.window } };
}

/** The configuration of a run, with the window left open again where `asked`, which it was begun with, leaves it open. */
export function withoutDefaultWindow(config: RunConfig, asked: RunConfig): RunConfig {
  if (!isOpen(asked)) return config;
  return { ...config, transform: { ...config.transform, window: null } };
}
