"""Files: atomic writes, versions and archives, one of each."""
