/** Layers that end a stage, for Grad-CAM, each with by how much its maps are smaller than the input; from fine to coarse. */
export type CamLayers = readonly (readonly [name: string, stride: number])[];
