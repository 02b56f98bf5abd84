/** torchvision's ResNet with one linear layer after the trunk, in the three layers of `custom_resnet`. */
import { cat, eye, scope, zeros, type Tensor } from "@slicestack/torch";
import { CheckpointError } from "@slicestack/torch/safetensors";

const [wide, embedding] = [512, 256];

/**
 * z = fc(x) as custom_layers: the first layer gives z and -z, whose ReLUs the second hands on, and the last takes
 * relu(z) - relu(-z) = z. Exact in any precision, but for the classes it has room for.
 * @returns custom_layers.{0,3,6}.{weight,bias}   @throws CheckpointError where it has more than 128 classes
 */
export function classifierAsHead(file: string, tensors: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  const [weight_KF, bias_K] = [tensors.get("fc.weight"), tensors.get("fc.bias")];
  if (weight_KF === undefined || bias_K === undefined)
    throw new CheckpointError(file, `has no ${weight_KF === undefined ? "fc.weight" : "fc.bias"}`);
  const classes = bias_K.size(0);
  if (2 * classes > embedding)
    throw new CheckpointError(
      file,
      `has ${classes} classes, at most ${embedding / 2} can be imported`,
      "Train from it: slice.pretrained.",
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
