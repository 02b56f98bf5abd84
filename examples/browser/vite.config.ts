import { defineConfig, type Rollup } from "vite";

// dcmjs-codecs would fetch its WebAssembly by eval; @slicestack/volume fetches it in its place.
const rollupOptions: Rollup.RollupOptions = {
  onwarn: (warning, warn) => {
    if (warning.code !== "EVAL") warn(warning);
  },
};

export default defineConfig({
  base: "./",
  // The page works under a policy that forbids inline scripts, so that nothing is inlined; `using` becomes older syntax.
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rollupOptions,
  },
  worker: { format: "es" },
});
