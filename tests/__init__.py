# SPDX-License-Identifier: Apache-2.0

"""No test talks to the network: the hub's cache is a temporary folder, and the hub itself is switched off.

This stands here because huggingface_hub reads its environment once, when it is first imported.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

HUB_CACHE = Path(tempfile.mkdtemp(prefix="vlm-lab-hub-"))
atexit.register(shutil.rmtree, HUB_CACHE, ignore_errors=True)
os.environ["HF_HUB_CACHE"] = str(HUB_CACHE)
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"  # several workers and their processes share the cores
# Gradio's uploads: an app that starts or ends clears its folder, which must not be that of another process's tests.
UPLOADS = Path(tempfile.mkdtemp(prefix="vlm-lab-uploads-"))
atexit.register(shutil.rmtree, UPLOADS, ignore_errors=True)
os.environ["GRADIO_TEMP_DIR"] = str(UPLOADS)
