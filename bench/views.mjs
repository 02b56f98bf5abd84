/** Views of large tensors outside of scopes: the sizes reported to the garbage collector decide how often it runs. */
import { zeros } from "@slicestack/torch";

const seconds = (body) => {
  const start = performance.now();
  const made = body();
  const taken = (performance.now() - start) / 1000;
  for (const tensor of made) tensor.dispose();
  return taken.toFixed(3);
};

const rows = zeros([2000, 67_109]); // 0.5 GB
console.log(
  `2000 selects of 0.5 GB: ${seconds(() => Array.from({ length: 2000 }, (_, k) => rows.select(0, k)))} s`,
);
rows.dispose();
const flat = zeros([200_000]);
console.log(`split(1) of 200 000 values: ${seconds(() => flat.split(1))} s`);
flat.dispose();
