"""
An exported safetensors file in a plain ResNet of torchvision or timm, with the classifier of docs/how-to/export.md.
Usage: exported_weights.py LIBRARY NAME FILE INPUT
"""
import json
import sys

import torch
from safetensors.torch import load_file

library, name, file, given = sys.argv[1:]
state = {key: value for key, value in load_file(file).items() if not key.startswith("head.")}
if library == "timm":
    import timm

    model = timm.create_model(name, pretrained=False)
else:
    import torchvision

    model = getattr(torchvision.models, name)()
widths = [state[f"fc.{k}.weight"].shape for k in (0, 3, 6)]
model.fc = torch.nn.Sequential(
    torch.nn.Linear(widths[0][1], widths[0][0]), torch.nn.ReLU(), torch.nn.Dropout(),
    torch.nn.Linear(widths[1][1], widths[1][0]), torch.nn.ReLU(), torch.nn.Dropout(),
    torch.nn.Linear(widths[2][1], widths[2][0]),
)
model.load_state_dict(state)  # strict: no name is missing, and none is left over
with torch.no_grad():
    print(json.dumps(model.eval()(load_file(given)["x"]).flatten().tolist()))
