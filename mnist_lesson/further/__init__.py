"""The modules of the notebooks from 07 on: going further."""
