import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { defineConfig } from "vite";

// dcmjs-codecs would fetch its WebAssembly by eval; @slicestack/volume fetches it in its place.
const rollupOptions = {
  onwarn: (warning, warn) => {
    if (warning.code !== "EVAL") warn(warning);
  },
};

/**
 * NiiVue reads compressed Zarr with these, 1.4 MB; scans come to it as NIfTI alone.
 * @type {import("vite").Plugin}
 */
const withoutZarrCodecs = {
  name: "without-zarr-codecs",
  enforce: "pre",
  resolveId: (id) => (id.startsWith("numcodecs") ? "\0no-codec" : null),
  load: (id) => (id === "\0no-codec" ? "export default undefined;" : null),
};

/**
 * Writes sw.js, which keeps the files of the page for use without a network.
 * @type {import("vite").Plugin}
 */
const offlineWorker = {
  name: "offline-worker",
  generateBundle(_options, bundle) {
    const files = [
      ...Object.keys(bundle).filter((name) => name !== "index.html"),
      "icon.svg",
      "manifest.webmanifest",
    ];
    const code = readFileSync(new URL("offline-worker.js", import.meta.url), "utf8");
    const hash = createHash("sha256")
      .update(code)
      .update(JSON.stringify(bundle["index.html"] ?? null));
    for (const name of files) hash.update(name);
    const constants = [
      `const FILES = ${JSON.stringify(files)};`,
      `const VERSION = "${hash.digest("hex").slice(0, 16)}";`,
    ];
    this.emitFile({ type: "asset", fileName: "sw.js", source: `${constants.join("\n")}\n${code}` });
  },
};

export default defineConfig({
  base: "./",
  plugins: [withoutZarrCodecs, offlineWorker],
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
