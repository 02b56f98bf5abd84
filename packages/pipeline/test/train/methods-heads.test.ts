/** 2D, and 2.5D with each head of stacked embeddings. */
import { methodTest } from "./methods.js";

methodTest("2d", { method: "2d" });
for (const head of ["flatten", "mean", "max", "attention", "topk"])
  methodTest(`2.5d ${head}`, { "head.model": head, "slice.epochs": "1" });
