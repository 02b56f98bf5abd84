"""
The peer of bench/predict.mjs: one script as a user would write it. pydicom or nibabel reads, scipy resamples to
64 x 128 x 128, a ResNet-18 in PyTorch classifies every slice, the mean of their probabilities decides.

    peer_predict.py WEIGHTS.safetensors cold FOLDER        one DICOM series
    peer_predict.py WEIGHTS.safetensors warm FILE.nii.gz ...   a loop, tuned: two processes read and resample ahead, float32
                                                           resampling, channels_last, all slices of a volume in one batch

Prints one line of JSON: the seconds of the loop (warm), and the probabilities of the last volume.
"""
import glob
import json
import multiprocessing
import os
import sys
import time

import numpy
import torch
import torch.nn as nn
import torch.nn.functional as F
from scipy import ndimage

torch.set_num_threads(len(os.sched_getaffinity(0)))


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs)
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (self.downsample(x) if hasattr(self, "downsample") else x))


class ResNet18(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(channels, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        widths = [64, 64, 128, 256, 512]
        for k in range(1, 5):
            first = Block(widths[k - 1], widths[k], 1 if k == 1 else 2)
            setattr(self, f"layer{k}", nn.Sequential(first, Block(widths[k], widths[k], 1)))
        self.fc = nn.Sequential(nn.Linear(512, 512), nn.ReLU(), nn.Dropout(), nn.Linear(512, 256), nn.ReLU(), nn.Dropout(), nn.Linear(256, classes))

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))


def load(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    types = {"F32": numpy.float32, "I64": numpy.int64}
    state = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        start, end = entry["data_offsets"]
        values = numpy.frombuffer(data[start:end], types[entry["dtype"]]).reshape(entry["shape"])
        state[name] = torch.from_numpy(values.copy())
    model = ResNet18(state["conv1.weight"].shape[1], state["fc.6.bias"].shape[0])
    model.load_state_dict(state)
    return model.eval()


def prepared(volume):
    """HU, slices first -> the window of -1000 to 400 HU on 64 x 128 x 128."""
    unit = numpy.clip((volume.astype(numpy.float32) + 1000) / 1400, 0, 1)
    small = ndimage.zoom(unit, [n / old for n, old in zip((64, 128, 128), unit.shape)], order=1)
    return torch.from_numpy((small - 0.485) / 0.229)[:, None]


def dicom(folder):
    import pydicom

    slices = [pydicom.dcmread(name) for name in glob.glob(folder + "/*")]
    slices.sort(key=lambda ds: float(ds.ImagePositionPatient[2]))
    return numpy.stack([ds.pixel_array * int(ds.RescaleSlope) + int(ds.RescaleIntercept) for ds in slices])


def nifti(path):
    import nibabel

    return prepared(numpy.asarray(nibabel.load(path).dataobj, dtype=numpy.float32).transpose(2, 1, 0)).numpy()


def decide(model, slices):
    with torch.no_grad():
        return model(slices.expand(-1, model.conv1.in_channels, -1, -1)).softmax(1).mean(0).tolist()


def main():
    model = load(sys.argv[1])
    if sys.argv[2] == "cold":
        return {"probabilities": decide(model, prepared(dicom(sys.argv[3])))}
    files = sys.argv[3:]
    model = model.to(memory_format=torch.channels_last)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.map(abs, range(2))  # started before the clock
        decide(model, torch.zeros(64, 1, 128, 128))
        started = time.perf_counter()
        for slices in pool.imap(nifti, files):
            answer = decide(model, torch.from_numpy(slices).to(memory_format=torch.channels_last))
        return {"seconds": time.perf_counter() - started, "probabilities": answer}


if __name__ == "__main__":
    print(json.dumps(main()))
