/** Each loss and each sampler once, in both stages. */
import { methodTest } from "./methods.js";

const both = (keys: Record<string, string>) =>
  Object.fromEntries(
    Object.entries(keys).flatMap(([key, value]) => [
      [`slice.${key}`, value],
      [`head.${key}`, value],
    ]),
  );
const short = { "slice.epochs": "1" };
methodTest("plain sampler, weighted loss, smoothing", {
  ...short,
  ...both({ weighted_sampler: "false", weighted_loss: "true", label_smoothing: "0.1" }),
});
methodTest(
  "weighted by subject, focal, mixup",
  { ...both({ subject_sampler: "true", loss: "focal" }), "slice.mixup": "0.4" },
  "slice",
);
methodTest(
  "by subject, ordinal, cutmix",
  { ...both({ weighted_sampler: "false", subject_sampler: "true", loss: "ordinal" }), "slice.cutmix": "1" },
  "slice",
);
methodTest(
  "soft labels, effective class weights, accumulated, clipped, ema",
  {
    ...both({
      weighted_loss: "true",
      class_weights: "effective",
      accumulate: "2",
      clip_norm: "1",
      ema: "0.9",
    }),
    "slice.soft_labels": "true",
    "slice.soft_label_warmup": "1",
  },
  "slice",
);
methodTest(
  "logit adjustment, then a label distribution",
  {
    "slice.loss": "logit_adjustment",
    "slice.weighted_sampler": "false",
    "head.loss": "label_distribution",
    "head.model": "gru",
    ...short,
  },
  "volume",
);
