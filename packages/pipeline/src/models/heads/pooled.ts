/** Mean and max over the slices of a volume, then one linear layer: the simplest heads, which ignore the order of slices. */
import type { Tensor } from "@slicestack/torch";
import { Dropout, Linear } from "@slicestack/torch/nn";
import { Head, type HeadOptions, type HeadOutput } from "./head.js";
import { defineHead } from "../component.js";

export class MeanHead extends Head {
  readonly drop: Dropout;
  readonly classifier: Linear;

  constructor({ embedding, classes, dropout }: HeadOptions) {
    super();
    this.drop = new Dropout(dropout);
    this.classifier = new Linear(embedding, classes);
  }

  override forward(embedding_BSE: Tensor, mask_BS: Tensor): HeadOutput {
    const present_BS = mask_BS.to({ dtype: embedding_BSE.dtype });
    const weight_BS = present_BS.div(present_BS.sum(1, true));
    const mean_BE = weight_BS.unsqueeze(1).matmul(embedding_BSE).squeeze(1);
    return { logits_BK: this.classifier.forward(this.drop.forward(mean_BE)), sliceWeight_BS: weight_BS };
  }
}

export class MaxHead extends Head {
  readonly drop: Dropout;
  readonly classifier: Linear;

  constructor({ embedding, classes, dropout }: HeadOptions) {
    super();
    this.drop = new Dropout(dropout);
    this.classifier = new Linear(embedding, classes);
  }

  override forward(embedding_BSE: Tensor, mask_BS: Tensor): HeadOutput {
    const absent_BS1 = mask_BS.logicalNot().unsqueeze(-1);
    const max_BE = embedding_BSE.maskedFill(absent_BS1, -Infinity).amax(1);
    return { logits_BK: this.classifier.forward(this.drop.forward(max_BE)), sliceWeight_BS: null };
  }
}

export const mean = defineHead({
  name: "mean",
  source: "multiple-instance mean",
  architecture: "mean over slices, E-K",
  create: ({ outputs, ...shape }) => new MeanHead({ ...shape, classes: outputs }),
});

export const max = defineHead({
  name: "max",
  source: "multiple-instance max",
  architecture: "max over slices, E-K",
  create: ({ outputs, ...shape }) => new MaxHead({ ...shape, classes: outputs }),
});
