import { InvalidArgumentError } from "commander";

/** 0,2,3 */
export function parseGpus(text: string): number[] {
  const numbers = text.split(",").map((part) => part.trim());
  if (numbers.every((part) => /^\d{1,4}$/.test(part))) return [...new Set(numbers.map(Number))];
  throw new InvalidArgumentError("Expected the numbers of GPUs as nvidia-smi shows them, e.g. 0,2,3.");
}

/** Numbers of trials, with or without the zeros of their folders. */
export function parseTrial(text: string, previous: readonly number[] = []): number[] {
  if (/^\d{1,12}$/.test(text)) return [...previous, Number(text)];
  throw new InvalidArgumentError("Expected the number of a trial, e.g. 17 or 000017.");
}

export function parsePriority(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value)) return value;
  throw new InvalidArgumentError("Expected a number; trials with a higher number start sooner.");
}
