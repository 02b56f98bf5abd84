"""A ResNet of torchvision or timm with random weights: its files, its features and its gradients. Usage: resnet.py LIBRARY NAME FOLDER"""
import json
import sys

import timm
import torch
import torchvision
from safetensors.torch import save_file

library, name, folder = sys.argv[1:]
torch.manual_seed(0)
makers = {
    "torchvision": lambda: getattr(torchvision.models, name)(weights=None),
    "timm": lambda: timm.create_model(name, pretrained=False),
}
model = makers[library]()
with torch.no_grad():  # running statistics as of a trained network, not zeros and ones
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 1.5)
torch.save(model.state_dict(), f"{folder}/{name}.pth")
save_file(model.state_dict(), f"{folder}/{name}.safetensors")

x = torch.rand(2, 3, 64, 64)
cotangent = torch.rand(2, model.fc.in_features)
save_file({"x": x, "cotangent": cotangent}, f"{folder}/{name}-input.safetensors")
model.fc = torch.nn.Identity()
result = {"torch": torch.__version__, "torchvision": torchvision.__version__, "timm": timm.__version__}
for dtype, key in ((torch.float64, "float64"), (torch.float32, "float32")):
    model.to(dtype)
    model.eval()
    with torch.no_grad():
        features = model(x.to(dtype))
    # Batch norm over two slices magnifies rounding too much for a comparison in float32.
    model.train(dtype == torch.float64)
    model.zero_grad()
    (model(x.to(dtype)) * cotangent.to(dtype)).sum().backward()
    norms = {n: p.grad.norm().item() for n, p in model.named_parameters()}
    result[key] = {"features": features.flatten().tolist(), "gradientNorms": norms}
    model.load_state_dict({k: v for k, v in torch.load(f"{folder}/{name}.pth").items() if not k.startswith("fc.")})
print(json.dumps(result))
