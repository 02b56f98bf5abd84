import { defineConfig } from "vite";

// dcmjs-codecs would fetch its WebAssembly by eval; @slicestack/volume fetches it in its place.
const rollupOptions = {
  onwarn: (warning, warn) => {
    if (warning.code !== "EVAL") warn(warning);
  },
};

/** NiiVue reads compressed Zarr with these, 1.4 MB; scans come to it as NIfTI alone. */
/** @type {import("vite").Plugin} */
const withoutZarrCodecs = {
  name: "without-zarr-codecs",
  enforce: "pre",
  resolveId: (id) => (id.startsWith("numcodecs") ? "\0no-codec" : null),
  load: (id) => (id === "\0no-codec" ? "export default undefined;" : null),
};

export default defineConfig({
  base: "./",
  plugins: [withoutZarrCodecs],
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  // The page works under a policy that forbids inline scripts, so that nothing is inlined; `using` becomes older syntax.
  build: {
    outDir: "dist/site",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 4000,
    rollupOptions,
  },
  worker: { format: "es", rollupOptions },
});
