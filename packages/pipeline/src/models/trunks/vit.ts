/**
 * Vision transformers. Dosovitskiy et al., ICLR 2021; LayerScale: Touvron et al., ICCV 2021; registers: Darcet et al., ICLR 2024.
 * Parameter names are those of timm and DINOv2. B slices, C channels, H height, W width, P patch, N = H/P · W/P patches,
 * T tokens (class, registers, patches), E width, F features.
 */
import { cat, full, functional as F, noGrad, zeros, type Tensor } from "@slicestack/torch";
import { Conv2d, init, LayerNorm, Linear, Module, ModuleList, Parameter } from "@slicestack/torch/nn";
import { z } from "zod";
import { atLeast, flag, key, trueOrFalse } from "../../config/notes.js";
import { dropPath, dropPathOf, dropPathOption } from "../common/drop-path.js";
import { freeingIntermediates } from "../common/freeing-intermediates.js";
import { ModelError } from "../common/model-error.js";
import { defineTrunk } from "../component.js";
import { below, outputs as outputsOf } from "../recognition.js";
import { Backbone, BackboneModel } from "./backbone.js";
import { vitTensors } from "./vit-names.js";

const EPS = 1e-6;

/** Self-attention: x_BTE → y_BTE */
class Attention extends Module {
  readonly qkv: Linear;
  readonly proj: Linear;

  constructor(
    width: number,
    readonly heads: number,
  ) {
    super();
    this.qkv = new Linear(width, 3 * width);
    this.proj = new Linear(width, width);
  }

  forward(x_BTE: Tensor): Tensor {
    const [batch = 0, tokens = 0, width = 0] = x_BTE.shape;
    const all_3BHTD = this.qkv
      .forward(x_BTE)
      .reshape(batch, tokens, 3, this.heads, width / this.heads)
      .permute(2, 0, 3, 1, 4);
    const [query, key_, value] = [0, 1, 2].map((k) => all_3BHTD.select(0, k));
    const seen_BHTD = F.scaledDotProductAttention(query!, key_!, value!);
    return this.proj.forward(seen_BHTD.transpose(1, 2).reshape(batch, tokens, width));
  }
}

class Mlp extends Module {
  readonly fc1: Linear;
  readonly fc2: Linear;

  constructor(width: number, hidden: number) {
    super();
    this.fc1 = new Linear(width, hidden);
    this.fc2 = new Linear(hidden, width);
  }

  forward(x_BTE: Tensor): Tensor {
    return this.fc2.forward(this.fc1.forward(x_BTE).gelu());
  }
}

/** A learned factor of each channel of what a block adds. */
class LayerScale extends Module {
  readonly gamma: Parameter;

  constructor(width: number) {
    super();
    this.gamma = new Parameter(full([width], 1e-5));
  }

  forward(x_BTE: Tensor): Tensor {
    return x_BTE.mul(this.gamma);
  }
}

class Block extends Module {
  readonly norm1: LayerNorm;
  readonly attn: Attention;
  readonly ls1: LayerScale | null;
  readonly norm2: LayerNorm;
  readonly mlp: Mlp;
  readonly ls2: LayerScale | null;

  constructor(
    { width, heads }: Layout,
    layerScale: boolean,
    readonly drop: number,
  ) {
    super();
    this.norm1 = new LayerNorm(width, { eps: EPS });
    this.attn = new Attention(width, heads);
    this.ls1 = layerScale ? new LayerScale(width) : null;
    this.norm2 = new LayerNorm(width, { eps: EPS });
    this.mlp = new Mlp(width, 4 * width);
    this.ls2 = layerScale ? new LayerScale(width) : null;
  }

  forward(x_BTE: Tensor): Tensor {
    const seen_BTE = this.attn.forward(this.norm1.forward(x_BTE));
    const y_BTE = x_BTE.add(this.#added(this.ls1?.forward(seen_BTE) ?? seen_BTE));
    const deeper_BTE = this.mlp.forward(this.norm2.forward(y_BTE));
    return y_BTE.add(this.#added(this.ls2?.forward(deeper_BTE) ?? deeper_BTE));
  }

  #added(x_BTE: Tensor): Tensor {
    return dropPath(x_BTE, this.drop, this.training);
  }
}

class PatchEmbed extends Module {
  readonly proj: Conv2d;

  constructor(channels: number, width: number, patch: number) {
    super();
    this.proj = new Conv2d(channels, width, patch, { stride: patch });
  }

  /** x_BCHW → tokens_BNE, row by row */
  forward(x_BCHW: Tensor): Tensor {
    return this.proj.forward(x_BCHW).flatten(2).transpose(1, 2);
  }
}

/** The tokens of the patches as maps, unchanged: what Grad-CAM looks at. x_BEhw → x_BEhw */
class PatchMaps extends Module {
  forward(x_BEhw: Tensor): Tensor {
    return x_BEhw;
  }
}

interface Layout {
  width: number;
  heads: number;
  depth: number;
}

interface VitOptions {
  patch: number;
  registers: number;
  layerScale: boolean;
  features: "token" | "mean" | "both";
  drop: number;
}

export class VisionTransformer extends Backbone {
  override readonly first = "patch_embed.proj.weight";
  override readonly width: number;
  override readonly mapChannels: number;
  readonly grid: readonly [height: number, width: number];
  readonly cls_token: Parameter;
  readonly reg_token: Parameter | null;
  /** Of the class token, then of the patches. Registers have none. */
  readonly pos_embed: Parameter;
  readonly patch_embed: PatchEmbed;
  readonly blocks: ModuleList<Block>;
  readonly patch_maps = new PatchMaps();
  readonly norm: LayerNorm;
  readonly #features: VitOptions["features"];

  /** @throws ModelError unless height and width are multiples of the patch */
  constructor(
    name: string,
    layout: Layout,
    channels: number,
    size: readonly [number, number],
    options: VitOptions,
  ) {
    super();
    const { width, depth } = layout;
    const { patch, registers, layerScale, features, drop } = options;
    this.grid = gridOf(name, size, patch);
    this.width = features === "both" ? 2 * width : width;
    this.mapChannels = width;
    this.#features = features;
    const patches = this.grid[0] * this.grid[1];
    this.cls_token = new Parameter(zeros([1, 1, width]));
    this.reg_token = registers === 0 ? null : new Parameter(zeros([1, registers, width]));
    this.pos_embed = new Parameter(zeros([1, 1 + patches, width]));
    this.patch_embed = new PatchEmbed(channels, width, patch);
    this.blocks = new ModuleList(
      Array.from({ length: depth }, (_, k) => new Block(layout, layerScale, dropPathOf(drop, k, depth))),
    );
    this.norm = new LayerNorm(width, { eps: EPS });
    // timm's initialisation: normal with standard deviation 0.02, biases 0.
    for (const token of [this.cls_token, this.reg_token, this.pos_embed])
      if (token !== null) init.normal_(token, 0, 0.02);
    for (const module of this.namedModules().values())
      if (module instanceof Linear) {
        const { bias } = module;
        init.normal_(module.weight, 0, 0.02);
        if (bias !== null) noGrad(() => bias.fill_(0));
      }
  }

  /** x_BCHW → tokens_BTE after the last norm */
  #tokens(x_BCHW: Tensor): Tensor {
    let tokens_BTE = freeingIntermediates(() => {
      const patches_BNE = this.patch_embed.forward(x_BCHW);
      const each = [patches_BNE.size(0), -1, -1] as const;
      const placed = cat(
        [this.cls_token.expand(...each).to({ dtype: patches_BNE.dtype }), patches_BNE],
        1,
      ).add(this.pos_embed);
      if (this.reg_token === null) return placed;
      const [patches, registers] = [placed.narrow(1, 1, patches_BNE.size(1)), this.reg_token.expand(...each)];
      return cat([placed.narrow(1, 0, 1), registers.to({ dtype: placed.dtype }), patches], 1);
    });
    const last = this.blocks.length - 1;
    [...this.blocks].forEach((block, k) => {
      tokens_BTE = freeingIntermediates(() =>
        block.forward(k === last ? this.#throughMaps(tokens_BTE) : tokens_BTE),
      );
    });
    return this.norm.forward(tokens_BTE);
  }

  /** The last block is the last place where patches still reach the class token. */
  #throughMaps(tokens_BTE: Tensor): Tensor {
    const maps_BEhw = this.patch_maps.forward(this.#asMaps(this.#patchesOf(tokens_BTE)));
    const others_BTE = tokens_BTE.narrow(1, 0, tokens_BTE.size(1) - this.grid[0] * this.grid[1]);
    return cat([others_BTE, maps_BEhw.flatten(2).transpose(1, 2)], 1);
  }

  #asMaps(patches_BNE: Tensor): Tensor {
    return patches_BNE.transpose(1, 2).reshape(patches_BNE.size(0), this.mapChannels, ...this.grid);
  }

  #patchesOf(tokens_BTE: Tensor): Tensor {
    const [rows, columns] = this.grid;
    return tokens_BTE.narrow(1, tokens_BTE.size(1) - rows * columns, rows * columns);
  }

  /** x_BCHW → maps_BEhw, the tokens of the patches */
  override maps(x_BCHW: Tensor): Tensor {
    return this.#asMaps(this.#patchesOf(this.#tokens(x_BCHW)));
  }

  /** x_BCHW → features_BF: the class token, the mean of the patches' tokens, or both */
  override forward(x_BCHW: Tensor): Tensor {
    const tokens_BTE = this.#tokens(x_BCHW);
    const token_BE = tokens_BTE.select(1, 0);
    if (this.#features === "token") return token_BE;
    const mean_BE = this.#patchesOf(tokens_BTE).mean([1]);
    return this.#features === "mean" ? mean_BE : cat([token_BE, mean_BE], 1);
  }

  override rename(tensors: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
    return vitTensors(tensors, this.grid);
  }
}

function gridOf(name: string, [height, width]: readonly [number, number], patch: number): [number, number] {
  if (height % patch === 0 && width % patch === 0) return [height / patch, width / patch];
  const near = (n: number) => Math.max(1, Math.round(n / patch)) * patch;
  throw new ModelError(
    name,
    `slices of ${height} x ${width} cannot be cut into patches of ${patch} x ${patch}`,
    `Set slice.size to multiples of ${patch}, for example [${near(height)}, ${near(width)}], or another patch.`,
  );
}

const options = z.strictObject({
  patch: key(
    z.int().min(1).default(16),
    atLeast(1),
    "Height and width of a patch: 16 in weights of ImageNet, 14 in DINOv2 and RAD-DINO",
  ),
  registers: key(z.int().min(0).default(0), atLeast(0), "Register tokens: 4 for DINOv2 with registers"),
  layer_scale: key(flag(false), trueOrFalse, "LayerScale in each block, which DINOv2 and RAD-DINO have"),
  features: key(
    z.enum(["token", "mean", "both"]).default("both"),
    "token, mean or both",
    "The embedding of a slice: the class token, the mean of the patches' tokens, or both",
  ),
  drop_path: dropPathOption(),
});

function vit(name: string, layout: Layout) {
  const { width, depth } = layout;
  return defineTrunk({
    name,
    source: "Dosovitskiy et al., ICLR 2021; Oquab et al. (DINOv2), TMLR 2024",
    architecture: `ViT of width ${width} and ${depth} blocks, patches of 16, class token and mean, ${2 * width}-K`,
    options,
    channels: 3,
    camLayers: [["backbone.patch_maps", 16]],
    create: ({ outputs, size, dropout, channels }, { layer_scale: layerScale, drop_path: drop, ...rest }) => {
      const backbone = new VisionTransformer(name, layout, channels, size, { ...rest, layerScale, drop });
      return new BackboneModel(backbone, channels, { outputs, dropout });
    },
    signature: "backbone.patch_embed.proj.weight, linear.weight",
    recognise: (shapes) => {
      const own = below(shapes, "backbone.");
      const patches = own("patch_embed.proj.weight");
      if (patches?.[0] !== width || own(`blocks.${depth - 1}.norm1.weight`) === undefined) return null;
      if (own(`blocks.${depth}.norm1.weight`) !== undefined) return null;
      return {
        model: name,
        channels: patches[1] ?? null,
        classes: outputsOf(shapes, "linear"),
        embedding: shapes("linear.weight")?.[1] ?? null,
      };
    },
  });
}

export const vitSmall = vit("vit_small", { width: 384, heads: 6, depth: 12 });
export const vitBase = vit("vit_base", { width: 768, heads: 12, depth: 12 });
export const vitLarge = vit("vit_large", { width: 1024, heads: 16, depth: 24 });
