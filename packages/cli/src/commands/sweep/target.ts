import type { Command } from "commander";

/** Where a sweep finds its data and keeps its folder. */
export interface SweepFlags {
  data?: string;
  out?: string;
}

export const addTarget = (command: Command): Command =>
  command
    .option("--data <folder>", "prepared data set (default: the one that the file names)")
    .option("--out <folder>", "folder of the sweep (default: the one that the file names, else runs/NAME)");

export const collected = (text: string, before: string[] = []): string[] => [...before, text];
