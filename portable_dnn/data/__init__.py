"""Data sets: the built-in pictures, HDF5 files and folders of pictures."""

from portable_dnn.data.builtin import builtin_dataset
from portable_dnn.data.dataset import DataSet, ImageSet
from portable_dnn.data.folder import import_folder
from portable_dnn.data.hdf5 import describe_dataset, read_dataset, write_dataset
from portable_dnn.data.listing import left_out, other_files, picture_files
from portable_dnn.data.pictures import good_pictures, read_picture, read_pictures
from portable_dnn.data.remarks import remarks

__all__ = [
    "DataSet",
    "ImageSet",
    "builtin_dataset",
    "describe_dataset",
    "good_pictures",
    "import_folder",
    "left_out",
    "other_files",
    "picture_files",
    "read_dataset",
    "read_picture",
    "read_pictures",
    "remarks",
    "write_dataset",
]
