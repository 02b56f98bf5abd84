"""An exported safetensors file in torchvision's ResNet-18 with the classifier of docs/how-to/export.md. Usage: torchvision_weights.py FILE INPUT"""
import json
import sys

import torch
import torchvision
from safetensors.torch import load_file

file, given = sys.argv[1:]
state = {name: value for name, value in load_file(file).items() if not name.startswith("head.")}
classes = state["fc.6.bias"].numel()
model = torchvision.models.resnet18()
model.fc = torch.nn.Sequential(
    torch.nn.Linear(512, 512), torch.nn.ReLU(), torch.nn.Dropout(),
    torch.nn.Linear(512, 256), torch.nn.ReLU(), torch.nn.Dropout(),
    torch.nn.Linear(256, classes),
)
model.load_state_dict(state)
with torch.no_grad():
    print(json.dumps(model.eval()(load_file(given)["x"]).flatten().tolist()))
