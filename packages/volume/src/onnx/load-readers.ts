/**
 * Loads the parts of the readers that are otherwise fetched with the first archive or compressed image. A page that is to
 * work with the network off calls it while it is opened; the codecs' WebAssembly is given by `codecUrl`.
 */
export async function loadReaders(): Promise<void> {
  await Promise.all([import("../zip/source-reader.js"), import("dcmjs-codecs")]);
}
