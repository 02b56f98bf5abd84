#!/usr/bin/env python3
"""The PyTorch side of bench/run.mjs: the same work with the same net, timed in the same way. One JSON line a call.

  peer_pytorch.py ops                       microseconds of single ops
  peer_pytorch.py train [--tuned]           slices a second: ResNet-18 trunk, 512-256-5 head, 16 x 3 x 128 x 128, Adam
  peer_pytorch.py prep FILE [--tuned]       volumes a second: nibabel, HU window, scipy's zoom to 128 x 128 x 64
"""
import argparse
import json
import multiprocessing
import os
import statistics
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

parser = argparse.ArgumentParser()
parser.add_argument("work", choices=["ops", "train", "prep"])
parser.add_argument("file", nargs="?", help="a .nii.gz, for prep")
parser.add_argument("--tuned", action="store_true", help="bfloat16 autocast, channels_last, foreach Adam; prep: float32 in two processes")
parser.add_argument("--steps", type=int, default=4)
parser.add_argument("--warmup", type=int, default=2)
options = parser.parse_args()
torch.set_num_threads(len(os.sched_getaffinity(0)))


class Residual(nn.Module):
    def __init__(self, channels_in, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        same = stride == 1 and channels_in == channels
        self.downsample = None if same else nn.Sequential(nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + (x if self.downsample is None else self.downsample(x)))


def slice_net():
    layers = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    width = 64
    for channels in (64, 128, 256, 512):
        for block in range(2):
            layers.append(Residual(width, channels, 2 if block == 0 and channels > 64 else 1))
            width = channels
    head = [nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 5)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), *head)


def train():
    torch.manual_seed(1)
    net, x, y = slice_net(), torch.randn(16, 3, 128, 128), torch.randint(0, 5, (16,))
    if options.tuned:
        net, x = net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(net.parameters(), 1e-3, foreach=options.tuned)

    def step():
        optimizer.zero_grad(set_to_none=options.tuned)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=options.tuned):
            loss = F.cross_entropy(net(x).float(), y)
        loss.backward()
        optimizer.step()

    for _ in range(options.warmup):
        step()
    seconds = []
    for _ in range(options.steps):
        started = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - started)
    return {"rate": 16 / statistics.median(seconds), "layout": "channels_last" if options.tuned else "contiguous", "dtype": "bfloat16" if options.tuned else "float32"}


def microseconds(body, calls=20000):
    trials = []
    for _ in range(7):
        started = time.perf_counter()
        for _ in range(calls):
            body()
        trials.append((time.perf_counter() - started) / calls * 1e6)
    return statistics.median(trials)


def ops():
    torch.set_num_threads(1)
    x, y, matrix = torch.rand(4), torch.rand(4), torch.rand(3, 4)
    image, kernel = torch.rand(1, 1, 8, 8), torch.rand(1, 1, 3, 3)
    return {
        "add, 4 values": microseconds(lambda: x.add(y)),
        "add a number": microseconds(lambda: x.add(2.5)),
        "view": microseconds(lambda: matrix.view(4, 3)),
        "select": microseconds(lambda: matrix.select(0, 1)),
        "conv2d, 1x1x8x8": microseconds(lambda: F.conv2d(image, kernel), 5000),
    }


def prep_one(file):
    import nibabel
    from scipy import ndimage

    image = nibabel.load(file)
    hu = np.asarray(image.dataobj).astype(np.float32) if options.tuned else image.get_fdata()
    unit = np.clip((hu + 1000) / 1400, 0, 1)
    ndimage.zoom(unit, [n / old for n, old in zip((128, 128, 64), hu.shape)], order=1)


def prep():
    at_once = 4 if options.tuned else 1
    pool = multiprocessing.Pool(2) if options.tuned else None
    seconds = []
    for step in range(options.warmup + options.steps):
        started = time.perf_counter()
        if pool is None:
            prep_one(options.file)
        else:
            pool.map(prep_one, [options.file] * at_once, chunksize=1)
        seconds.append(time.perf_counter() - started)
    return {"rate": at_once / statistics.median(seconds[options.warmup :])}


print(json.dumps({**{"ops": ops, "train": train, "prep": prep}[options.work](), "threads": torch.get_num_threads(), "torch": torch.__version__}))
