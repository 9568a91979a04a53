"""Files: atomic writes, versions, and archives, netCDF files and records that carry a checksum, one of each.

`atomic` writes any file whole or not at all; `archive` (arrays, .npz), `netcdf` (labelled arrays, .nc) and `records`
(plain values, .json) are the kinds of file that cgrosim reads again. What is read is judged before anything uses it:
its checksum, then its names, types and shapes against the parameters inside (`schema`). Whatever is wrong with a file
is one sentence of its `Kind`, and reading takes a few times the size of the file in memory, whatever the file claims.
"""
