"""Train from the shell, as the page does.

python -m core.training list
python -m core.training new RUN_DIR --objective contrastive --data gallery --set steps=200
python -m core.training RUN_DIR          # run it, or go on with it
"""

from __future__ import annotations
