/** The input of a model that is to be trained, from its configuration and training data. A trained model has a contract. */
import { ConfigError } from "../config/errors.js";
import type { RunConfig, RunConfigOf, SliceConfig } from "../config/types.js";
import type { Dataset } from "../data/store.js";
import type { SliceInput, VolumeInput } from "./schema.js";
import type { SliceTransform } from "./slices.js";
import { valueTransform } from "./values.js";
import type { VolumeTransform } from "./volumes.js";

/** What decides how slices are seen; without a section `slice`, as in a 3D run, they keep their size. */
export type SliceInputConfig = Pick<RunConfig, "transform"> & { slice?: Pick<SliceConfig, "size"> };

export function sliceInput(config: SliceInputConfig, dataset: Pick<Dataset, "info">): SliceInput {
  const { neighbours, planes } = config.transform;
  const { height, width } = dataset.info;
  const size = config.slice?.size ?? [height, width];
  return { ...valueTransform(config, dataset, neighbours), neighbours, planes, size };
}

/** @throws ConfigError if the volumes have several depths and no size is set, or if there are several windows */
export function volumeInput(
  config: Pick<RunConfigOf<"3d">, "transform" | "network">,
  dataset: Pick<Dataset, "info" | "volumes">,
): VolumeInput {
  const { size, fit } = config.network;
  const { height, width } = dataset.info;
  const depths = dataset.volumes.map(({ count }) => count);
  const [least, most] = [Math.min(...depths), Math.max(...depths)];
  const refuse = (key: string, message: string): never => {
    throw new ConfigError([{ key, message: `${key}: ${message}` }]);
  };
  if (config.transform.windows !== null)
    refuse("transform.windows", "3D models take one window; set transform.window");
  if (size === null && least !== most)
    refuse(
      "network.size",
      `the data set has ${least} to ${most} slices per volume; set [${height}, ${width}, ${most}]`,
    );
  return { ...valueTransform(config, dataset), size: size ?? [height, width, most], fit };
}

/** `sliceInput` on a device, for a store. */
export const sliceTransform = (
  config: SliceInputConfig,
  dataset: Pick<Dataset, "info">,
  device: string,
): SliceTransform => ({ ...sliceInput(config, dataset), device });

/** `volumeInput` on a device, for a store. @throws ConfigError, as volumeInput */
export const volumeTransform = (
  config: Pick<RunConfigOf<"3d">, "transform" | "network">,
  dataset: Pick<Dataset, "info" | "volumes">,
  device: string,
): VolumeInput & VolumeTransform => ({ ...volumeInput(config, dataset), device });
