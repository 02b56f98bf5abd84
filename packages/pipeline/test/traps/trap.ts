/** A trap as a test: its title is kept, so that the page which lists the traps can be held to it. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { scratch } from "../train/support.js";

/** Removed after the tests. */
export const folder = scratch();
export const at = (name: string): string => join(folder, name);

export const titles: string[] = [];

/** A test with an empty folder of its own. */
export function trap(number: number, title: string, body: (own: string) => void | Promise<void>): void {
  const place = titles.push(`trap ${number}: ${title}`);
  test(`trap ${number}: ${title}`, async () => {
    const own = at(`folder ${place}`);
    mkdirSync(own, { recursive: true });
    await body(own);
  });
}
