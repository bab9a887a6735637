"""HDF5 files, those of strangers checked before the HDF5 library reads them."""
