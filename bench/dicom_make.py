"""Makes uncompressed CT slices for bench/dicom.mjs: FOLDER, COUNT, SIZE."""
import os
import sys

import numpy
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

folder, count, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
random = numpy.random.default_rng(0)
base = random.integers(0, 2400, (size, size), dtype="i2")
for i in range(count):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    meta.MediaStorageSOPInstanceUID = f"2.25.1.{i + 1}"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = "2.25.1"
    ds = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    ds.is_little_endian, ds.is_implicit_VR = True, False
    ds.ImageType, ds.Modality = ["ORIGINAL", "PRIMARY", "AXIAL"], "CT"
    ds.SOPClassUID, ds.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    ds.PatientName, ds.PatientID, ds.StudyInstanceUID, ds.SeriesInstanceUID = "A^B", "P", "2.25.2", "2.25.3"
    ds.InstanceNumber, ds.AcquisitionNumber = i + 1, 1
    ds.ImagePositionPatient, ds.ImageOrientationPatient = [-200, -200, 1.0 * i], [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing, ds.SliceThickness = [0.8, 0.8], "1"
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
    ds.RescaleIntercept, ds.RescaleSlope = "-1024", "1"
    ds.Rows, ds.Columns = size, size
    ds.PixelData = numpy.roll(base, i, axis=0).tobytes()
    # Names do not reveal the order, as in a PACS export.
    ds.save_as(os.path.join(folder, f"{(i * 7919) % 100003:06}"), write_like_original=False)
