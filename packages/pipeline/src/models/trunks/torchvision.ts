/** Recognises the weights of torchvision's ResNets, and converts their one linear layer to the three layers of custom_resnet. */
import { cat, eye, scope, zeros, type Tensor } from "@slicestack/torch";
import { CheckpointError } from "@slicestack/torch/safetensors";
import { asGrey, type AdoptedTensors, type Guess, type ModelGuess, type Shapes } from "../recognition.js";
import type { ResNetDepth } from "./resnet.js";

type Tensors = ReadonlyMap<string, Tensor>;

export const torchvisionName = (depth: ResNetDepth): string => `resnet${depth}`;
export const isTorchvision = ({ model }: Guess): boolean => /^resnet\d/.test(model);

/** Depth and channels of a ResNet, by torchvision's names. @returns null for any other model */
export function residualLayers(shapes: Shapes): Pick<ModelGuess, "depth" | "channels"> | null {
  const stem = shapes("conv1.weight");
  if (stem?.length !== 4 || stem[0] !== 64 || shapes("layer4.1.conv2.weight") === undefined) return null;
  const depth =
    shapes("layer1.0.conv3.weight") !== undefined
      ? 50
      : shapes("layer3.5.conv1.weight") === undefined
        ? 18
        : 34;
  return { depth, channels: stem[1] ?? null };
}

/** Renames tensors as in custom-resnet.ts. @param name of the trunk there   @throws CheckpointError without a classifier for a task */
export function fromTorchvision(file: string, tensors: Tensors, guess: Guess, name: string): AdoptedTensors {
  const { classes = null, model } = guess;
  if (classes === null || classes === 1000)
    throw new CheckpointError(
      file,
      classes === null
        ? `holds a ${model} trunk without a classifier`
        : `holds a ${model} for the 1000 classes of ImageNet`,
      `To train from it, set slice.pretrained to ${file} and slice.model to ${model}.`,
    );
  const trunk = new Map([...tensors].filter(([name]) => !name.startsWith("fc.")));
  const { tensors: grey, notes } = asGrey(trunk, "conv1.weight");
  const slice = new Map([...grey].map(([name, tensor]): [string, Tensor] => [`resnet.${name}`, tensor]));
  for (const [name, tensor] of classifierAsHead(file, tensors)) slice.set(name, tensor);
  const converted = { ...guess, model: name, embedding };
  const note = `torchvision's classifier fc became the three layers of ${name}, which give the same values.`;
  return { guess: converted, tensors: slice, notes: [...notes, note] };
}

const [wide, embedding] = [512, 256];

/**
 * Expresses z = fc(x) as custom_layers: the first layer computes z and -z, the second passes on their ReLUs, the last computes
 * relu(z) - relu(-z) = z. The result is exact in any precision; the width limits the number of classes.
 * @returns custom_layers.{0,3,6}.{weight,bias}   @throws CheckpointError if it has more than 128 classes
 */
function classifierAsHead(file: string, tensors: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  const [weight_KF, bias_K] = [tensors.get("fc.weight"), tensors.get("fc.bias")];
  if (weight_KF === undefined || bias_K === undefined)
    throw new CheckpointError(file, `has no ${weight_KF === undefined ? "fc.weight" : "fc.bias"}`);
  const classes = bias_K.size(0);
  if (2 * classes > embedding)
    throw new CheckpointError(
      file,
      `has ${classes} classes, but at most ${embedding / 2} can be imported`,
      "To train from it, set slice.pretrained to it.",
    );
  return scope(() => {
    const both = (x: Tensor, rows: number) => {
      const signed = cat([x, x.neg()]);
      return cat([signed, zeros([rows - 2 * classes, ...signed.shape.slice(1)])]);
    };
    const last_KE = cat([eye(classes), eye(classes).neg(), zeros([classes, embedding - 2 * classes])], 1);
    return new Map<string, Tensor>([
      ["custom_layers.0.weight", both(weight_KF.to({ dtype: "float32" }), wide)],
      ["custom_layers.0.bias", both(bias_K.to({ dtype: "float32" }), wide)],
      ["custom_layers.3.weight", eye(wide).narrow(0, 0, embedding).contiguous()],
      ["custom_layers.3.bias", zeros([embedding])],
      ["custom_layers.6.weight", last_KE],
      ["custom_layers.6.bias", zeros([classes])],
    ]);
  });
}
