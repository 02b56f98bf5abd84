/** The tensors of vision transformers in files of torchvision, timm, DINOv2 and Hugging Face, under timm's names. */
import { cat, functional as F, scope, zeros, type Tensor } from "@slicestack/torch";
import { renamed } from "./backbone.js";

type Tensors = ReadonlyMap<string, Tensor>;

/** [what it is called elsewhere, timm's name], tried in turn; null: it belongs to a classifier or to pretraining. */
const RULES: readonly (readonly [RegExp, string | null])[] = [
  [/^(head|heads|fc_norm|pre_logits|classifier|pooler)\./, null],
  [/^(embeddings\.)?mask_token$/, null],
  // DINOv2's own files
  [/^register_tokens$/, "reg_token"],
  [/^blocks\.\d+\.(\d+)\./, "blocks.$1."], // in chunks, for distributed training
  // torchvision
  [/^class_token$/, "cls_token"],
  [/^conv_proj\./, "patch_embed.proj."],
  [/^encoder\.pos_embedding$/, "pos_embed"],
  [/^encoder\.ln\./, "norm."],
  [/^encoder\.layers\.encoder_layer_(\d+)\.ln_([12])\./, "blocks.$1.norm$2."],
  [/^encoder\.layers\.encoder_layer_(\d+)\.self_attention\.in_proj_/, "blocks.$1.attn.qkv."],
  [/^encoder\.layers\.encoder_layer_(\d+)\.self_attention\.out_proj\./, "blocks.$1.attn.proj."],
  [/^encoder\.layers\.encoder_layer_(\d+)\.mlp\.(?:0|linear_1)\./, "blocks.$1.mlp.fc1."],
  [/^encoder\.layers\.encoder_layer_(\d+)\.mlp\.(?:3|linear_2)\./, "blocks.$1.mlp.fc2."],
  // Hugging Face: Dinov2Model (also of RAD-DINO) and ViTModel, in their earlier and later releases
  [/^embeddings\.cls_token$/, "cls_token"],
  [/^embeddings\.register_tokens$/, "reg_token"],
  [/^embeddings\.position_embeddings$/, "pos_embed"],
  [/^embeddings\.patch_embeddings\.projection\./, "patch_embed.proj."],
  [/^layernorm\./, "norm."],
  [/^(?:encoder\.layer|layers)\.(\d+)\.(?:norm1|layernorm_before)\./, "blocks.$1.norm1."],
  [/^(?:encoder\.layer|layers)\.(\d+)\.(?:norm2|layernorm_after)\./, "blocks.$1.norm2."],
  [/^(?:encoder\.layer|layers)\.(\d+)\.attention\.(?:attention\.query|q_proj)\./, "blocks.$1.attn.q."],
  [/^(?:encoder\.layer|layers)\.(\d+)\.attention\.(?:attention\.key|k_proj)\./, "blocks.$1.attn.k."],
  [/^(?:encoder\.layer|layers)\.(\d+)\.attention\.(?:attention\.value|v_proj)\./, "blocks.$1.attn.v."],
  [/^(?:encoder\.layer|layers)\.(\d+)\.attention\.(?:output\.dense|o_proj)\./, "blocks.$1.attn.proj."],
  [/^(?:encoder\.layer|layers)\.(\d+)\.(?:mlp\.fc1|intermediate\.dense)\./, "blocks.$1.mlp.fc1."],
  [/^(?:encoder\.layer|layers)\.(\d+)\.(?:mlp\.fc2|output\.dense)\./, "blocks.$1.mlp.fc2."],
  [/^(?:encoder\.layer|layers)\.(\d+)\.layer_scale([12])\.lambda1$/, "blocks.$1.ls$2.gamma"],
];

/** Prefixes under which whole models store their backbone. */
const PREFIX =
  /^(module|model|backbone|vit|dinov2|dinov2_with_registers|encoder(?=\.(cls_token|patch_embed|blocks)))\./;

/** @param grid patches of the model, for which positions are resampled: bicubic, antialiased */
export function vitTensors(tensors: Tensors, grid: readonly [number, number]): Map<string, Tensor> {
  const named = renamed(tensors, (name) => {
    const bare = name.replace(PREFIX, "");
    const [pattern, own] = RULES.find(([rule]) => rule.test(bare)) ?? [/^/, ""];
    return own === null ? null : bare.replace(pattern, own);
  });
  joinProjections(named);
  const positions = named.get("pos_embed");
  if (positions?.dim === 3) named.set("pos_embed", positionsFor(positions, grid));
  return named;
}

/** Query, key and value apart become one matrix. */
function joinProjections(named: Map<string, Tensor>): void {
  for (const name of [...named.keys()].filter((one) => /\.attn\.q\./.test(one))) {
    const parts = ["q", "k", "v"].map((part) => name.replace(".attn.q.", `.attn.${part}.`));
    const found = parts.flatMap((part) => named.get(part) ?? []);
    if (found.length !== 3) continue;
    named.set(name.replace(".attn.q.", ".attn.qkv."), cat(found));
    for (const part of parts) named.delete(part);
  }
}

/**
 * Positions for another number of patches. Those of a file are a square grid, with the position of the class token before it,
 * or without one where it is part of the token. 1, (1 +) M², E → 1, 1 + N, E
 */
export function positionsFor(positions_1TE: Tensor, [rows, columns]: readonly [number, number]): Tensor {
  const [, tokens = 0, width = 0] = positions_1TE.shape;
  const hasToken = !Number.isInteger(Math.sqrt(tokens));
  const side = Math.sqrt(hasToken ? tokens - 1 : tokens);
  if (!Number.isInteger(side)) return positions_1TE; // another model: its shape is refused
  return scope(() => {
    const float = positions_1TE.to({ dtype: "float32" });
    const token_11E = hasToken ? float.narrow(1, 0, 1) : zeros([1, 1, width]);
    const grid_1ESS = float
      .narrow(1, hasToken ? 1 : 0, side * side)
      .transpose(1, 2)
      .reshape(1, width, side, side);
    const isSame = rows === side && columns === side;
    const fitted = isSame
      ? grid_1ESS
      : F.interpolate(grid_1ESS.contiguous(), [rows, columns], { mode: "bicubic", antialias: true });
    return cat([token_11E, fitted.flatten(2).transpose(1, 2)], 1).contiguous();
  });
}
