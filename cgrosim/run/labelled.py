"""Labelled tables for other programs: pandas, netCDF, Zarr."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from cgrosim.arguments import checked
from cgrosim.errors import FileError, UserError
from cgrosim.files.encoding import encoded
from cgrosim.files.kinds import Kind
from cgrosim.files.netcdf import write_netcdf
from cgrosim.files.words import shown
from cgrosim.files.zarr_arrays import installed

if TYPE_CHECKING:
    import pandas
    import xarray

NO_ZARR = "this writes Zarr, which is not installed; run pip install '.[sweep]' in the checkout of cgrosim."


class Labelled:
    """A dataset whose cells are places on some of its dimensions.

    Attributes
    ----------
    data : xarray.Dataset
    cells : names of the dimensions that number the cells
    KIND : of its netCDF file
    """

    KIND: ClassVar[Kind]
    data: xarray.Dataset

    @property
    def cells(self) -> tuple[str, ...]:
        """Names of the dimensions that number the cells."""
        raise NotImplementedError

    def to_pandas(self, *names: str) -> pandas.DataFrame:
        """One row a cell, with every variable that is one number or word in a cell.

        With names those variables instead, which may have further dimensions of their own.
        """
        data = self.data[list(names)] if names else self.data
        if not names:
            data = data.drop_vars([name for name in data.variables if not set(data[name].dims) <= {*self.cells}])
        return data.to_dataframe().reset_index()

    @checked
    def to_netcdf(self, path: str | Path) -> Path:
        """Write the table as netCDF, atomically; ``load_table`` reads it.

        Raises
        ------
        FileError
            If the place cannot be written to.
        """
        return write_netcdf(path, self.KIND, encoded(self.data))

    @checked
    def to_zarr(self, path: str | Path) -> Path:
        """Write the table as a Zarr group over its dimensions, for other programs.

        Raises
        ------
        UserError
            If Zarr is not installed, something stands there already, or the place cannot be written to.
        """
        if not installed():
            raise UserError(NO_ZARR)
        try:
            self.data.to_zarr(str(path), mode="w-", consolidated=False, zarr_format=2)
        except (FileExistsError, OSError) as error:
            reason = "something stands there" if isinstance(error, FileExistsError) else error
            raise FileError(f"{shown(path)} cannot be written ({reason}); choose another place.") from None
        return Path(path)

    def _repr_html_(self) -> Any:
        return self.data._repr_html_()
