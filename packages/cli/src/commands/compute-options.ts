/** On what a trained model computes: the same options of every command that predicts. */
import { Option, type Command } from "commander";
import { parseCount } from "./numbers.js";

export interface ComputeFlags {
  device?: string;
  threads?: number;
  precision?: "auto" | "float32" | "bfloat16";
}

/** @param threads what is counted, in words */
export function addComputeOptions(command: Command, { threads }: { threads: string }): Command {
  return command
    .option("--device <name>", "cpu, cuda:N or mps (default: auto)")
    .option("--threads <number>", `${threads} (default: the available cores)`, parseCount)
    .addOption(
      new Option(
        "--precision <type>",
        "precision of the computation (default: as the model was trained)",
      ).choices(["auto", "float32", "bfloat16"]),
    );
}
