"""Images and labels: known data sets, their files and downloads."""
