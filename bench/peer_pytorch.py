#!/usr/bin/env python3
"""The PyTorch side of bench/run.mjs: the same work with the same net, timed in the same way. Prints one JSON line per call.

  peer_pytorch.py ops                       microseconds of single ops
  peer_pytorch.py augment                   slices and volumes per second: the presets published and strong
  peer_pytorch.py train [--tuned]           slices per second: ResNet-18 trunk, 512-256-5 head, 16 x 3 x 128 x 128, Adam
  peer_pytorch.py prep FILE [--tuned]       volumes per second: nibabel, HU window, scipy's zoom to 128 x 128 x 64
"""
import argparse
import json
import math
import multiprocessing
import os
import random
import statistics
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

parser = argparse.ArgumentParser()
parser.add_argument("work", choices=["ops", "augment", "train", "prep"])
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


def between(shape, low, high):
    return low + (high - low) * torch.rand(shape)


def published(count, dims):
    """One composed map per sample, all draws at once; volumes are rotated in plane and tilted. Crops that do not fit are not redrawn."""
    def turn(a, b, degrees):
        m = torch.eye(dims).repeat(count, 1, 1)
        angle = torch.deg2rad(degrees)
        m[:, a, a] = m[:, b, b] = torch.cos(angle)
        m[:, b, a], m[:, a, b] = torch.sin(angle), -torch.sin(angle)
        return m

    linear = turn(0, 1, between(count, -15, 15))
    if dims == 3:
        linear = linear @ turn(1, 2, between(count, -5, 5)) @ turn(0, 2, between(count, -5, 5))
    area, ratio = between(count, 0.8, 1), torch.exp(between(count, math.log(3 / 4), math.log(4 / 3)))
    sides = [torch.sqrt(area * ratio).clamp(max=1), torch.sqrt(area / ratio).clamp(max=1), torch.sqrt(area)][:dims]
    kept = torch.stack(sides, 1)
    shift = torch.einsum("bij,bj->bi", linear, between((count, dims), -1, 1) * (1 - kept))
    shear = torch.eye(dims).repeat(count, 1, 1)
    for a in range(dims):
        for b in range(a + 1, dims):
            shear[:, a, b] = torch.tan(torch.deg2rad(between(count, -10, 10)))
    linear = linear * kept[:, None, :] @ shear / between((count, 1, 1), 0.95, 1.05)
    shift = shift - torch.einsum("bij,bj->bi", linear, between((count, dims), -0.2, 0.2))
    return torch.cat([linear, shift[:, :, None]], 2)


def spline(size, intervals):
    place = (torch.arange(size) + 0.5) / size * intervals
    first = place.floor().clamp(max=intervals - 1).long()
    t = place - first
    weights = torch.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]) / 6
    basis = torch.zeros(intervals + 3, size)
    for k in range(4):
        basis[first + k, torch.arange(size)] = weights[k]
    return basis


def strong(x):
    count, _, height, width = x.shape
    some = lambda p: torch.nonzero(torch.rand(count) < p).flatten()
    column = lambda n, low, high: between((n, 1, 1, 1), low, high)
    x = x.clone()
    rows = some(0.5)
    x[rows] = x[rows].flip(3)
    theta = published(count, 2)
    grid = F.affine_grid(theta, x.shape, align_corners=False)
    rows = some(0.3)
    if len(rows):
        points = between((len(rows), 2, 7, 7), -1, 1) * column(len(rows), 0.1, 0.3) / 2
        field = (spline(height, 4).T @ points @ spline(width, 4)).permute(0, 2, 3, 1).reshape(len(rows), -1, 2)
        grid[rows] += (field @ theta[rows, :, :2].transpose(1, 2)).view(len(rows), height, width, 2)
    x = F.grid_sample(x, grid, align_corners=False)
    rows = some(0.2)
    if len(rows):
        sigma = between((len(rows), 1), 0.4, 1)
        kernel = torch.exp(-torch.arange(-4, 5.0) ** 2 / (2 * sigma**2))
        kernel = (kernel / kernel.sum(1, keepdim=True))[:, None]
        blurred = F.conv2d(x[rows].transpose(0, 1), kernel[..., None], padding=(4, 0), groups=len(rows))
        x[rows] = F.conv2d(blurred, kernel[:, :, None], padding=(0, 4), groups=len(rows)).transpose(0, 1)
    rows = some(0.3)
    x[rows] += torch.randn(x[rows].shape) * column(len(rows), 0, 0.03)
    rows = some(0.5)
    span = column(len(rows), 0.9, 1.1)
    x[rows] = (x[rows] - (0.5 + column(len(rows), -0.05, 0.05) - span / 2)) / span
    x = x.clamp(0, 1)
    rows = some(0.3)
    bright = x[rows] * column(len(rows), 0.9, 1.1) + column(len(rows), -0.05, 0.05)
    x[rows] = bright.clamp(0, 1) ** torch.exp(column(len(rows), math.log(0.8), math.log(1.25)))
    for row in some(0.2):
        h, w = (int(size * random.uniform(0.15, 0.3)) for size in (height, width))
        top, left = random.randint(0, height - h), random.randint(0, width - w)
        x[row, :, top : top + h, left : left + w] = random.random()
    return x


def augment():
    torch.manual_seed(1)
    slices, volumes = torch.rand(32, 1, 128, 128), torch.rand(2, 1, 128, 128, 64)
    warp = lambda x: F.grid_sample(x, F.affine_grid(published(len(x), x.dim() - 2), x.shape, align_corners=False), align_corners=False).clamp(0, 1)

    def rate(samples, calls, body):
        seconds = []
        for _ in range(calls + 1):
            started = time.perf_counter()
            body()
            seconds.append(time.perf_counter() - started)
        return samples / statistics.median(seconds[1:])

    with torch.no_grad():
        return {
            "published, 32 slices of 128 x 128": rate(32, 30, lambda: warp(slices)),
            "strong, 32 slices of 128 x 128": rate(32, 30, lambda: strong(slices)),
            "published, 2 volumes of 128 x 128 x 64": rate(2, 8, lambda: warp(volumes)),
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


print(json.dumps({**{"ops": ops, "augment": augment, "train": train, "prep": prep}[options.work](), "threads": torch.get_num_threads(), "torch": torch.__version__}))
