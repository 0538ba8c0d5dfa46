"""Whether two graphs of objects are the same: values, types, and who shares what with whom; never by their bytes."""
