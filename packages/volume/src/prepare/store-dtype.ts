/** The types in which prepared voxels are stored. */
export type StoreDtype = "int16" | "uint8" | "uint16" | "float32";

export type StoreArray = Int16Array | Uint8Array | Uint16Array | Float32Array;
