export const PARTS = ["train", "val", "test"] as const;

export type Part = (typeof PARTS)[number];
