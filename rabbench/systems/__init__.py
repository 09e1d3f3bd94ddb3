"""One file a retrieval system, each with ``build(options)``; the folder is the registry."""
