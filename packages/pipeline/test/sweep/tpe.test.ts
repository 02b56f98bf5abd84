/** The univariate TPE against Optuna's TPESampler(multivariate=False): fixtures/sweep/samplers.py. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Random } from "@slicestack/stats";
import { NumericalParzen, parzenEstimator } from "../../src/sweep/parzen.js";
import type { Domain, Space } from "../../src/sweep/space.js";
import { erfc, logCdf, logGaussMass, truncatedQuantile } from "../../src/sweep/tpe-numbers.js";
import {
  estimatorOf,
  mostPromising,
  splitObservations,
  TpeSampler,
  type Observation,
} from "../../src/sweep/tpe.js";
import {
  trialsOf,
  type JsonValue,
  type Point,
  type TrialReport,
  type Values,
} from "../../src/sweep/trial.js";

interface Fixture {
  domains: Record<string, Domain>;
  parzen: {
    name: string;
    domain: Domain;
    observations: JsonValue[];
    weights: number[];
    means?: number[];
    sigmas?: number[];
    values: JsonValue[];
    logDensity: number[];
  }[];
  studies: {
    name: string;
    trials: {
      values: Values;
      state: "complete" | "pruned" | "running";
      cost: number;
      steps: Record<string, number>;
    }[];
    below: number[];
    above: number[];
    suggestions: { dimension: string; candidates: JsonValue[]; scores: number[]; taken: JsonValue }[];
  }[];
  normal: { x: number[]; erfc: number[]; logCdf: number[]; pairs: [number, number][]; logMass: number[] };
}
const fixture = JSON.parse(
  readFileSync(new URL("../../../../../fixtures/sweep/samplers.json", import.meta.url), "utf8"),
) as Fixture;

function expectClose(actual: readonly number[], expected: readonly number[], what: string): void {
  assert.equal(actual.length, expected.length, what);
  actual.forEach((value, k) => {
    const error = Math.abs(value - expected[k]!) / Math.max(1, Math.abs(expected[k]!));
    assert.ok(error < 1e-9, `${what}, ${k}: expected ${expected[k]}, received ${value}`);
  });
}

const withSettings = (domain: Domain): Domain =>
  domain.kind === "choice" ? { ...domain, settings: null } : domain;

test("Parzen estimators have Optuna's weights, means, bandwidths and densities", () => {
  assert.equal(fixture.parzen.length, 42);
  for (const { name, domain, observations, ...expected } of fixture.parzen) {
    const estimator = parzenEstimator(withSettings(domain), observations);
    expectClose(estimator.weights, expected.weights, `${name}: weights`);
    if (estimator instanceof NumericalParzen) {
      expectClose(estimator.means, expected.means!, `${name}: means`);
      expectClose(estimator.sigmas, expected.sigmas!, `${name}: sigmas`);
    }
    const densities = expected.values.map((value) => estimator.logDensity(value));
    expectClose(densities, expected.logDensity, `${name}: log density`);
  }
});

const observationsOf = (study: Fixture["studies"][number]): Observation[] =>
  study.trials.map(({ values, state, cost, steps }, number): Observation => {
    const last = Math.max(...Object.keys(steps).map(Number));
    const reached = state === "pruned" && last > 0 ? { epochs: last, cost: steps[last]! } : null;
    return { number, values, state: state === "complete" ? "finished" : state, cost, reached };
  });

test("a history is split into good and bad trials as Optuna splits it; running trials are among the bad ones", () => {
  for (const study of fixture.studies) {
    const { below, above } = splitObservations(observationsOf(study));
    assert.deepEqual(
      below.map(({ number }) => number),
      study.below,
      study.name,
    );
    assert.deepEqual(
      above.map(({ number }) => number),
      study.above,
      study.name,
    );
  }
});

test("of the candidates that Optuna drew, the same is taken, by the same acquisition scores", () => {
  let compared = 0;
  for (const study of fixture.studies) {
    const { below, above } = splitObservations(observationsOf(study));
    for (const { dimension: name, candidates, scores, taken } of study.suggestions) {
      const dimension = { name, domain: withSettings(fixture.domains[name]!), when: {} };
      const [good, bad] = [estimatorOf(dimension, below), estimatorOf(dimension, above)];
      const own = candidates.map((value) => good.logDensity(value) - bad.logDensity(value));
      expectClose(own, scores, `${study.name}, ${name}`);
      assert.deepEqual(mostPromising(candidates, good, bad), taken, `${study.name}, ${name}`);
      compared++;
    }
  }
  assert.equal(compared, 24);
});

test("what an estimator draws has its density (Kolmogorov's distance, or counts)", () => {
  const random = new Random(4);
  const draws = 4000;
  for (const { name, domain, observations } of fixture.parzen.filter((_, k) => k % 3 === 0)) {
    const estimator = parzenEstimator(withSettings(domain), observations);
    const drawn = Array.from({ length: draws }, () => estimator.sample(random));
    if (domain.kind === "float") {
      const sorted = (drawn as number[]).sort((a, b) => a - b);
      const [low, high] = domain.log
        ? [Math.log(domain.low), Math.log(domain.high)]
        : [domain.low, domain.high];
      let [mass, distance, place] = [0, 0, 0];
      const steps = 20000;
      for (let k = 0; k < steps; k++) {
        const x = low + ((k + 0.5) / steps) * (high - low);
        // With log the density is that of the logarithm.
        mass += (Math.exp(estimator.logDensity(domain.log ? Math.exp(x) : x)) * (high - low)) / steps;
        const end = low + ((k + 1) / steps) * (high - low);
        while (place < draws && (domain.log ? Math.log(sorted[place]!) : sorted[place]!) <= end) place++;
        distance = Math.max(distance, Math.abs(place / draws - mass));
      }
      assert.ok(Math.abs(mass - 1) < 1e-3, `${name}: the density integrates to ${mass}`);
      assert.ok(distance < 1.95 / Math.sqrt(draws), `${name}: distance ${distance}`); // p = 0.001
    } else {
      const values = [...new Set(drawn)];
      const total = values.reduce((sum: number, value) => sum + Math.exp(estimator.logDensity(value)), 0);
      assert.ok(total > 0.9 && total < 1 + 1e-9, `${name}: probabilities of what was drawn sum to ${total}`);
      for (const value of values) {
        const share = Math.exp(estimator.logDensity(value));
        const count = drawn.filter((one) => one === value).length;
        const spread = 5 * Math.sqrt(draws * share * (1 - share)) + 5;
        assert.ok(
          Math.abs(count - draws * share) < spread,
          `${name}: ${JSON.stringify(value)} ${count} times, ${draws * share}`,
        );
      }
    }
  }
});

test("normal masses and quantiles in the middle and in the tails (scipy)", () => {
  const { x, pairs, ...expected } = fixture.normal;
  expectClose(x.map(erfc), expected.erfc, "erfc");
  expectClose(x.map(logCdf), expected.logCdf, "log cdf");
  const relative = (values: readonly number[]) => values.map((value) => Math.log(Math.abs(value)));
  expectClose(relative(x.map(logCdf)), relative(expected.logCdf), "log cdf, relative");
  expectClose(
    pairs.map(([a, b]) => logGaussMass(a, b)),
    expected.logMass,
    "log mass",
  );
  for (const [a, b] of [
    [-3, 2],
    [5, 9],
    [-30, -25],
    [0, 0.001],
  ] as const)
    for (const q of [0.001, 0.3, 0.9]) {
      const x = truncatedQuantile(q, a, b);
      const share = Math.exp(logGaussMass(a, x) - logGaussMass(a, b));
      assert.ok(Math.abs(share - q) < 1e-9 && x >= a && x <= b, `${a} to ${b}: ${share} for ${q}`);
    }
});

const space: Space = [
  { name: "x", domain: { kind: "float", low: 0, high: 1, log: false, points: null }, when: {} },
  { name: "kind", domain: { kind: "choice", values: ["a", "b"], settings: null }, when: {} },
  { name: "width", domain: { kind: "int", low: 1, high: 64, log: true, step: 1 }, when: { kind: ["b"] } },
];
const options = { seed: 1, startup: 10, candidates: 24, minimize: false };

function reportsOf(values: readonly Values[], objective: (values: Values) => number | null): TrialReport[] {
  return values.map((one, number) => {
    const point: Point = { number, name: null, values: one, settings: one, source: "tpe" };
    const [trial] = trialsOf(point, { seeds: [0], folds: [null] });
    const found = objective(one);
    return {
      trial: trial!,
      state: found === null ? "running" : "finished",
      objective: found,
      curve: [],
      epochs: 0,
    };
  });
}

const score = ({ x, kind, width }: Values): number =>
  -((Number(x) - 0.3) ** 2) -
  (kind === "b" ? 0 : 0.2) -
  (width === undefined ? 0 : Math.abs(Math.log2(Number(width)) - 4) / 20);

test("the search comes closer to the best point than random search, and a dimension takes part only where its condition holds", () => {
  const best = (search: "tpe" | "random"): number => {
    const sampler = new TpeSampler(space, { ...options, startup: search === "tpe" ? 10 : 1000 });
    const values: Values[] = [];
    while (values.length < 60) values.push(...sampler.propose(reportsOf(values, score), 1, () => true));
    assert.ok(values.every(({ kind, width }) => (width !== undefined) === (kind === "b")));
    assert.ok(values.slice(10).some(({ kind }) => kind === "b"));
    return (
      values
        .map(score)
        .slice(30)
        .reduce((sum, one) => sum + one, 0) / 30
    );
  };
  assert.ok(best("tpe") > best("random") + 0.05, `${best("tpe")} against ${best("random")}`);
});

test("running points count: parallel workers are given different points, and the same history gives the same ones", () => {
  const sampler = new TpeSampler(space, options);
  const drawn = sampler.propose([], 30, () => true);
  const history = reportsOf(drawn, score);
  const together = sampler.propose(history, 8, () => true);
  assert.deepEqual(
    together,
    new TpeSampler(space, options).propose(history, 8, () => true),
  );
  const inTurn: Values[] = [];
  for (let k = 0; k < 8; k++) {
    const running = reportsOf([...drawn, ...inTurn], (one) => (inTurn.includes(one) ? null : score(one)));
    inTurn.push(...sampler.propose(running, 1, () => true));
  }
  assert.deepEqual(inTurn, together);
  const xs = together.map(({ x }) => Number(x));
  assert.equal(new Set(xs).size, 8);
  // Without the running ones the next proposal would be the first one again.
  assert.deepEqual(sampler.propose(history, 1, () => true)[0], together[0]);
});

test("a space that is used up ends the search", () => {
  const few: Space = [
    { name: "kind", domain: { kind: "choice", values: [false, 0, null], settings: null }, when: {} },
  ];
  const sampler = new TpeSampler(few, options);
  const seen: Values[] = [];
  const accepts = (values: Values) =>
    !seen.some(({ kind }) => kind === values["kind"]) && seen.push(values) > 0;
  assert.deepEqual(
    new Set(sampler.propose([], 9, accepts).map(({ kind }) => kind)),
    new Set([false, 0, null]),
  );
  assert.deepEqual(
    sampler.propose(
      reportsOf(seen, () => 1),
      9,
      accepts,
    ),
    [],
  );
});
