/**
 * Compiles plane.wat into src/resample/plane-wasm.ts, as base64, so that Node and bundlers find it without a file to
 * fetch. Run after a change of plane.wat; a test fails where the two differ.
 *
 *   node packages/volume/wasm/build.mjs
 */
import { readFileSync, writeFileSync } from "node:fs";
import initWabt from "wabt";

const at = (name) => new URL(name, import.meta.url);

/** @returns {Promise<string>} the module that plane.wat gives */
export async function planeModule() {
  const wabt = await initWabt();
  const parsed = wabt.parseWat("plane.wat", readFileSync(at("plane.wat"), "utf8"), { simd: true });
  const { buffer } = parsed.toBinary({});
  const lines = Buffer.from(buffer)
    .toString("base64")
    .match(/.{1,100}/g);
  return `/** wasm/plane.wat, compiled by wasm/build.mjs; ${buffer.length} bytes. Do not edit. */
export const PLANE_WASM = [
${lines.map((line) => `  "${line}",`).join("\n")}
].join("");
`;
}

if (process.argv[1] === at("build.mjs").pathname)
  writeFileSync(at("../src/resample/plane-wasm.js"), await planeModule());
