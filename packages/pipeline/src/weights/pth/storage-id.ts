/** The persistent ids of PyTorch: ("storage", type, name, device, count), and in the legacy format a sixth, None. */
import { Storage } from "@slicestack/torch/safetensors";
import { PickleFault, StorageType, Tuple, valueText, type PickleValue } from "./pickle-values.js";

/** The storages that a pickle refers to, by their names; each is a single object, however often it is referred to. */
export class StorageTable {
  readonly storages = new Map<string, Storage>();

  /** @param view a sixth item: part of another storage, as before PyTorch 0.4; only null is supported */
  find(id: PickleValue): Storage {
    const items = id instanceof Tuple ? id.items : [];
    const [kind, type, name, , count, view] = items;
    if (kind === "module")
      throw new PickleFault("the pickle holds a whole model with its source code, not weights alone");
    if (
      kind !== "storage" ||
      !(type instanceof StorageType) ||
      typeof name !== "string" ||
      typeof count !== "number" ||
      !(Number.isSafeInteger(count) && count >= 0)
    )
      throw new PickleFault(
        `the pickle refers to (${items.slice(0, 6).map(valueText).join(", ")}), which is not a storage`,
      );
    if (view !== undefined && view !== null)
      throw new PickleFault(`storage ${name} is a part of another one, as before PyTorch 0.4`);
    const known = this.storages.get(name);
    if (known !== undefined) {
      if (known.dtype === type.dtype && known.count === count) return known;
      throw new PickleFault(`storage ${name} is ${known.count} ${known.dtype} and ${count} ${type.dtype}`);
    }
    const storage = new Storage(name, type.dtype, count);
    this.storages.set(name, storage);
    return storage;
  }
}
