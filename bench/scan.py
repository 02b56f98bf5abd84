#!/usr/bin/env python3
"""Writes the scan of the prepare benchmark, 512 x 512 x 64 int16 HU as .nii.gz, and prints its source.

  scan.py OUT.nii.gz [FOLDER]     FOLDER: 64 DICOM slices of one series (needs pydicom); without it a phantom stands in
"""
import pathlib
import sys

import nibabel as nib
import numpy as np

out, folder = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None


def from_dicom():
    import pydicom

    slices = [pydicom.dcmread(path) for path in sorted(pathlib.Path(folder).glob("*.dcm"))]
    slices.sort(key=lambda s: float(s.ImagePositionPatient[2]))
    hu = [s.pixel_array.astype(np.int32) * int(s.RescaleSlope) + int(s.RescaleIntercept) for s in slices]
    return np.stack(hu).astype(np.int16).transpose(2, 1, 0), f"{folder.rsplit('/', 1)[-1]}, {len(slices)} slices"


def phantom():
    """Air, a body and two lungs, with the noise of a scanner: 20 MB of gzip, like the real one."""
    x, y, _ = np.meshgrid(*(np.linspace(-1, 1, n) for n in (512, 512, 64)), indexing="ij")
    hu = np.where((x / 0.9) ** 2 + (y / 0.7) ** 2 < 1, 40.0, -1000.0)
    for side in (-0.4, 0.4):
        hu[((x - side) / 0.3) ** 2 + (y / 0.5) ** 2 < 1] = -850
    return np.round(hu + np.random.default_rng(1).normal(0, 18, hu.shape)).astype(np.int16), "a phantom"


try:
    voxels, what = from_dicom() if folder else phantom()
except ImportError:
    voxels, what = phantom()
affine = np.diag([-0.84, -0.84, 5.0, 1.0])
nib.save(nib.Nifti1Image(voxels, affine), out)
print(what)
