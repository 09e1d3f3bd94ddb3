"""One file a family of data sets, each with ``datasets()`` and ``load(name)``."""
