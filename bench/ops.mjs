/** Prints microseconds of single ops as a JSON line. */
import { conv2d } from "../packages/torch/dist/src/functional.js";
import { rand, Scope, scope, setNumThreads } from "../packages/torch/dist/src/index.js";
import { median } from "./tools.mjs";

setNumThreads(1);
const [x, y, matrix] = [rand([4]), rand([4]), rand([3, 4])];
const [image, kernel] = [rand([1, 1, 8, 8]), rand([1, 1, 3, 3])];

/** Microseconds of one call, in scopes of 1000 calls as in a training step. */
function microseconds(body, calls = 20_000) {
  const trial = () => {
    const started = performance.now();
    for (let k = 0; k < calls; k += 1000) {
      const step = new Scope();
      for (let j = 0; j < 1000; j++) body();
      step[Symbol.dispose]();
    }
    return ((performance.now() - started) * 1000) / calls;
  };
  return median(Array.from({ length: 7 }, trial));
}

console.log(
  JSON.stringify({
    "add, 4 values": microseconds(() => x.add(y)),
    "add a number": microseconds(() => x.add(2.5)),
    view: microseconds(() => matrix.view(4, 3)),
    select: microseconds(() => matrix.select(0, 1)),
    "conv2d, 1x1x8x8": microseconds(() => conv2d(image, kernel), 5000),
    "an empty scope": microseconds(() => scope(() => undefined)),
    "a scope around add": microseconds(() => scope(() => x.add(y))),
  }),
);
