import type { Command } from "commander";

/** The options for the data set and the folder of a sweep. */
export interface SweepFlags {
  data?: string;
  out?: string;
}

export const addTarget = (command: Command): Command =>
  command
    .option("--data <folder>", "prepared data set (default: the one that the file names)")
    .option("--out <folder>", "folder of the sweep (default: the one that the file names, else runs/NAME)");

export const collected = (text: string, before: string[] = []): string[] => [...before, text];
