/** Prints the table of docs/explanation/statistics.md. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { COVERED, coverage, coverageRow, type Population } from "./coverage.js";

// 1000 samples: a share of 95 % has an error of 0.7 %, of which almost two are allowed beside the bounds.
const SAMPLES = 1000;
const ERROR = 0.0125;

const sizes = [20, 50, 300].flatMap((subjects) => [1, 4].map((volumes) => ({ subjects, volumes })));

const kinds: Pick<Population, "prevalence" | "skill">[] = [
  { prevalence: 0.4, skill: [1.5, 1] },
  { prevalence: 0.5, skill: [2.5, 1.5] },
  { prevalence: 0.2, skill: [2, 2] },
];

/** Of 20 subjects four are of the rare class: such intervals may be wide, and must not be narrow. */
function boundsOf({ subjects, prevalence }: Population): [number, number] {
  if (subjects >= 50) return [0.93, 0.97];
  return [0.93, prevalence < 0.4 ? 1 : 0.975];
}

for (const kind of kinds)
  for (const size of sizes)
    test(`coverage: ${size.subjects} subjects, up to ${size.volumes} volumes, ${kind.skill.join(" and ")}, ${kind.prevalence} positive`, () => {
      const population = { ...size, ...kind };
      const found = coverage(population, SAMPLES, 200);
      console.log(coverageRow(population, found));
      const [low, high] = boundsOf(population);
      for (const name of COVERED)
        for (const table of [found.metric, found.difference])
          assert.ok(table[name]! >= low - ERROR && table[name]! <= high + ERROR, `${name}: ${table[name]}`);
    });
