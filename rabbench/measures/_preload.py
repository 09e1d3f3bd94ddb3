"""The imports of the server that the memory measure's children are forked from.

Nothing else: no model is loaded and no thread pool started, which a fork would not survive.
"""

import sentence_transformers  # noqa: F401
import torch  # noqa: F401
import transformers  # noqa: F401
