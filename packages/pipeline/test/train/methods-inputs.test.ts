/** What a slice model is shown: planes, windows, neighbours, some of the slices, another size. */
import { methodTest } from "./methods.js";

const short = { "slice.epochs": "1" };
methodTest("three planes", { ...short, "transform.planes": "three" });
methodTest("two windows", {
  ...short,
  "transform.windows": "[[-1000, 400], [-160, 240]]",
  "slice.model": "slice_cnn",
});
methodTest("3 neighbours", { ...short, "transform.neighbours": "3" });
methodTest("5 neighbours, 2 windows, three planes", {
  method: "2d",
  "transform.neighbours": "5",
  "transform.windows": "[[-1000, 400], [-160, 240]]",
  "transform.planes": "three",
});
methodTest("4 slices of a volume, views, another size", {
  ...short,
  "head.slices": "4",
  "head.views": "2",
  "slice.size": "[24, 16]",
});
methodTest("bfloat16", { precision: "bfloat16" }, "slice");
methodTest("float32", { precision: "float32", ...short });
