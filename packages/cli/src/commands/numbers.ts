import { InvalidArgumentError } from "commander";

export function parseSeed(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= 0xffffffff) return value;
  throw new InvalidArgumentError("Expected a whole number from 0 to 4294967295.");
}

export function parseCount(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected a whole number, at least 1.");
}

export function parseIndex(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected a whole number, counted from 0.");
}

/** HEIGHT,WIDTH in pixels; a single number is used for both. */
export function parseSize(text: string): [number, number] {
  const [, height, width = height] = /^(\d{1,5})(?:[,x](\d{1,5}))?$/.exec(text) ?? [];
  const size: [number, number] = [Number(height), Number(width)];
  if (size.every((pixels) => pixels >= 8)) return size;
  throw new InvalidArgumentError("Expected HEIGHT,WIDTH in pixels, each at least 8, e.g. 128,128.");
}

/** Number of processes on this machine. */
export function parseProcesses(text: string): number {
  const count = Number(text);
  if (/^[1-9]\d{0,3}$/.test(text) && count <= 1024) return count;
  throw new InvalidArgumentError("Expected a whole number from 1 to 1024.");
}

/** One fold, counted from 0, or all of them. */
export function parseFold(text: string): number | "all" {
  if (text === "all") return text;
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected the number of a fold, counted from 0, or all.");
}

/** One fold, counted from 0. */
export function parseFoldNumber(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected the number of a fold, counted from 0.");
}

/** "1h", "90m", "1h30m", "45s" as seconds. */
export function parseDuration(text: string): number {
  const match = /^(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m(?:in)?)?(?:(\d+(?:\.\d+)?)s)?$/.exec(text);
  const [, hours = 0, minutes = 0, seconds = 0] = match ?? [];
  const total = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  if (match !== null && total > 0) return total;
  throw new InvalidArgumentError("Expected a time such as 1h, 90m, 1h30m or 45s.");
}

/** "0.1,0.25,1": shares above 0 and at most 1, or in per cent, "10%,25%,100%". */
export function parseShares(text: string): number[] {
  const shares = text.split(",").map((one) => {
    const [, digits, sign] = /^ *(\d+(?:\.\d+)?) *(%?) *$/.exec(one) ?? [];
    return Number(digits) / (sign === "%" ? 100 : 1);
  });
  if (shares.length >= 2 && shares.every((one) => one > 0 && one <= 1)) return shares;
  throw new InvalidArgumentError("Expected at least two shares above 0 and at most 1, e.g. 0.1,0.25,0.5,1.");
}

/** "1 volume", "2 volumes". */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

export function parsePort(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) < 65536) return Number(text);
  throw new InvalidArgumentError("Expected a port from 0 to 65535.");
}
