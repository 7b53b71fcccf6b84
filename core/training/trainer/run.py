# SPDX-License-Identifier: Apache-2.0

"""One run, in a process of its own: from the request in its folder to the model in it. Killed at any moment, it can be called
again and goes on from its last complete checkpoint, with the same result."""

from __future__ import annotations

import json
import logging
import os
import shutil
from contextlib import suppress
from pathlib import Path

import transformers

from core.engine import Engine
from core.errors import Stopped
from core.models.inference import Models
from core.settings import Settings
from core.training import OBJECTIVES, all_objectives, need_base
from core.training.failures import reason
from core.training.objective import Learner, Objective
from core.training.progress import LOADING, SAVING, ProgressFile
from core.training.run_folder import CANCELLED, FAILED, FINISHED, INTERRUPTED, RUNNING, RunFolder
from core.training.trainer.card import environment, model_card
from core.training.trainer.features import features, rows_from
from core.training.trainer.trainer import Parts, RunTrainer

log = logging.getLogger(__name__)


def execute(folder: RunFolder, device: str = "auto", models: Path | None = None) -> str:
    """Train, or go on training; the state in which it ended. Raises UserError, with the reason also in the folder."""
    folder = RunFolder(folder.path, writes=os.environ.get("RANK", "0") == "0")  # set by `accelerate launch`
    folder.claim()
    try:
        all_objectives()
        return _execute(folder, Models(Engine(Settings(device=device)), models))
    except Stopped:
        folder.write_status(CANCELLED, reason="Cancelled before it had learned anything.")
        return CANCELLED
    except Exception as error:
        folder.remove_incomplete()  # half a checkpoint may be what filled the disk
        with suppress(OSError):  # the disk has no room for even this line: the log tells
            folder.write_status(FAILED, reason=reason(error))
        raise
    finally:
        folder.release()


def _execute(folder: RunFolder, models: Models) -> str:
    progress = ProgressFile(folder.path / "progress.json", folder.writes)
    progress.stage(LOADING)
    folder.write_status(RUNNING)
    request, examples = folder.request(), folder.examples()
    kind = OBJECTIVES.get(request.objective)
    config = kind.Config.read(request.settings)
    objective = kind(config, models, request.base)
    need_base(models, request.objective, request.base)
    folder.write("environment.json", json.dumps(environment(models), indent=1))
    base = models.catalog.spec(request.base).path
    if base:  # a folder of this machine: noted here, not in the model, which may be given away
        folder.write("base.json", json.dumps({"path": os.path.relpath(base, folder.path)}))
    split = folder.split(len(examples), config.held_out, config.seed)
    train, held_out = ([examples[row] for row in rows] for rows in (split.train, split.held_out))
    rows = features(folder, objective, [*train, *held_out], progress)
    transformers.set_seed(config.seed)
    learner = objective.learner(rows_from(rows, 0, len(train)))
    learner.chunk = config.chunk
    parts = Parts(rows_from(rows, 0, len(train)), rows_from(rows, len(train)), held_out)
    trainer = RunTrainer(folder, progress, objective, learner, parts)
    done = trainer.go_on()
    if done < config.steps and not folder.cancelled:
        folder.write_status(INTERRUPTED)
        return INTERRUPTED
    progress.stage(SAVING)
    trainer.write_predictions("after")
    _save_model(folder, objective, learner)
    state = FINISHED if done == config.steps else CANCELLED
    folder.write_status(state)
    return state


def _save_model(folder: RunFolder, objective: Objective, learner: Learner) -> None:
    """The model, whole or not at all."""
    if not folder.writes:
        return
    part = folder.path / "model.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    objective.save(learner.eval(), part)
    (part / "README.md").write_text(model_card(folder, objective), encoding="utf-8")
    shutil.rmtree(folder.model, ignore_errors=True)
    part.replace(folder.model)
