"""Methods that close the gap between synthetic and real images, behind one training loop.

Importing this module is instant: it does not import torch.
"""

import pluggy

__version__ = "0.1.0"

hookimpl = pluggy.HookimplMarker("ganzoo")
hookspec = pluggy.HookspecMarker("ganzoo")
