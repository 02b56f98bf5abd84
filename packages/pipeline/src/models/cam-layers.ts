/** The layers that end a stage, for Grad-CAM, each with the factor by which its maps are smaller than the input; from fine to coarse. */
export type CamLayers = readonly (readonly [name: string, stride: number])[];
