/** Schedules against PyTorch's, and their memory. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ConstantSchedule,
  CosineSchedule,
  OneCycleSchedule,
  PlateauSchedule,
  StepSchedule,
  type PlateauOptions,
  type Schedule,
} from "../../src/optim/index.js";
import { loadFixture } from "../support.js";

interface Fixture {
  timed: Record<string, number[]>;
  metrics: number[];
  plateau: Record<string, number[]>;
}
const fixture = loadFixture<Fixture>("optim/schedules");

const timed: Record<string, Schedule> = {
  StepLR: new StepSchedule({ learningRate: 0.1, size: 7, gamma: 0.5 }),
  CosineAnnealingLR: new CosineSchedule({ learningRate: 0.1, total: 50 }),
  "LinearLR then CosineAnnealingLR": new CosineSchedule({
    learningRate: 0.2,
    total: 50,
    warmup: 5,
    minimum: 0.001,
  }),
  OneCycleLR: new OneCycleSchedule({ learningRate: 0.1, total: 50 }),
  "OneCycleLR, options": new OneCycleSchedule({
    learningRate: 0.1,
    total: 37,
    riseShare: 0.15,
    divisor: 10,
    finalDivisor: 100,
  }),
};
const plateau: Record<string, PlateauOptions> = {
  ReduceLROnPlateau: { learningRate: 0.1, patience: 5 },
  "ReduceLROnPlateau, max, cooldown, minimum": {
    learningRate: 0.1,
    mode: "max",
    factor: 0.3,
    patience: 2,
    cooldown: 3,
    minimum: 0.002,
  },
  "ReduceLROnPlateau, large threshold, no patience": {
    learningRate: 1,
    factor: 0.5,
    patience: 0,
    threshold: 0.2,
  },
};

function expectRates(found: number[], expected: number[]): void {
  assert.equal(found.length, expected.length);
  found.forEach((rate, t) => {
    const wanted = expected[t] ?? NaN;
    assert.ok(
      Math.abs(rate - wanted) <= 1e-10 * wanted + 1e-16,
      `t = ${t}: expected ${wanted}, received ${rate}`,
    );
  });
}

for (const [name, expected] of Object.entries(fixture.timed)) {
  test(`the schedule of ${name} gives PyTorch's rates (fixtures/optim/schedules.py)`, () => {
    const schedule = timed[name];
    assert.ok(schedule !== undefined);
    expectRates(
      expected.map((_, t) => schedule.learningRate(t)),
      expected,
    );
  });
}

for (const [name, expected] of Object.entries(fixture.plateau)) {
  const options = plateau[name];
  const metrics = fixture.metrics.map((metric) => (options?.mode === "max" ? 1 - metric : metric));
  test(`${name} gives PyTorch's rates (fixtures/optim/schedules.py), also when saved and restored after every metric`, () => {
    assert.ok(options !== undefined);
    let schedule = new PlateauSchedule(options);
    const rates = metrics.map((metric) => {
      const restored = new PlateauSchedule(options);
      restored.restore(JSON.parse(JSON.stringify(schedule.state())) as ReturnType<Schedule["state"]>);
      schedule = restored;
      schedule.observe(metric);
      return schedule.learningRate();
    });
    assert.ok(new Set(expected).size > 2, "the fixture drops the rate at least twice");
    expectRates(rates, expected);
  });
}

test("a metric that is not a number counts as no improvement", () => {
  const schedule = new PlateauSchedule({ learningRate: 1, patience: 1 });
  for (const metric of [NaN, 0.5, NaN, NaN]) schedule.observe(metric);
  assert.equal(schedule.learningRate(), 0.1);
});

test("a constant rate is constant; cosine and one-cycle stay at their last rate after the end", () => {
  const constant: Schedule = new ConstantSchedule({ learningRate: 0.3 });
  assert.equal(constant.learningRate(1000), 0.3);
  assert.equal(timed.CosineAnnealingLR?.learningRate(80), 0);
  const last = timed.OneCycleLR?.learningRate(49) ?? NaN;
  assert.ok(Math.abs(last - 0.1 / 25 / 1e4) < 1e-18);
  assert.equal(timed.OneCycleLR?.learningRate(60), last);
});

test("wrong options and states are named", () => {
  assert.throws(
    () => new CosineSchedule({ learningRate: 0.1, total: 5, warmup: 5 }),
    /warmup: expected less than total 5, received 5/,
  );
  assert.throws(
    () => new StepSchedule({ learningRate: 0.1, size: 0 }),
    /size: expected a whole number >= 1, received 0/,
  );
  assert.throws(() => new ConstantSchedule({ learningRate: -1 }), /learningRate/);
  assert.throws(() => new PlateauSchedule({ learningRate: 1, factor: 1 }), /factor/);
  assert.throws(() => new OneCycleSchedule({ learningRate: 1, total: 10, riseShare: 2 }), /riseShare/);
  assert.throws(() => timed.StepLR?.learningRate(-1), /t: expected a whole number >= 0, received -1/);
  assert.throws(() => timed.StepLR?.restore({ rate: 1 }), /state: expected no keys, received rate/);
  assert.throws(
    () => new PlateauSchedule({ learningRate: 1 }).restore({}),
    /state: expected rate, best, bad and cooldown/,
  );
});
