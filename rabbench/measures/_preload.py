"""What the server behind the memory children imports once, so that each child starts at once.

Imports only: no model is loaded and no thread pool started, since children are forked from here.
"""

# Imported for its effect alone: children forked from here find it loaded.
import sentence_transformers  # noqa: F401
import torch  # noqa: F401
import transformers  # noqa: F401
