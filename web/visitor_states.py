# SPDX-License-Identifier: Apache-2.0

"""What the server remembers of each visitor's session, kept small."""

from __future__ import annotations

import datetime
from collections import ChainMap, OrderedDict
from types import SimpleNamespace
from typing import Any, cast

import gradio as gr
from gradio.state_holder import SessionState, StateHolder

CAPACITY = 1000  # sessions remembered: each 20 to 40 kB, and what its gr.State components hold
REMEMBERED_S = 3600  # after its page was closed


class VisitorState(SessionState):
    """A session without the copies that Gradio makes: of all components' settings and values, for "deep links", and of the lists of
    components and functions.

    The lab offers no deep links, and changes no list. The copies take 500 kB and 50 kB a session, and hold every answer's pictures;
    of the components, only those are kept that this session has set otherwise. `changed` tells whether anything is held that another
    session would not have.
    """

    def __init__(self, page: gr.Blocks) -> None:
        without_blocks: Any = SimpleNamespace(default_config=page.default_config, blocks={})  # no settings, no values
        super().__init__(without_blocks)
        # What it did copy, the two lists, is let go at once.
        self.blocks_config.blocks = cast(Any, ChainMap({}, page.default_config.blocks))
        self.blocks_config.fns = page.default_config.fns
        self.changed = False

    def __setitem__(self, key: int, value: Any) -> None:
        super().__setitem__(key, value)
        self.config_values.clear()
        self.changed = True

    def _update_config(self, key: int) -> None:
        pass

    def _update_value_in_config(self, key: int, value: Any) -> None:
        pass


class VisitorStates(StateHolder):
    """The sessions of one page, at most CAPACITY. Every API call without a session id makes one, which only its own answer
    needs: those go first, so that no number of calls makes the page of another visitor forget."""

    session_data: OrderedDict[str, VisitorState]  # type: ignore[assignment]  # each is made here

    def __getitem__(self, session_id: str) -> SessionState:
        if session_id not in self.session_data:
            self.session_data[session_id] = VisitorState(self.blocks)
        return super().__getitem__(session_id)

    def update(self, session_id: str) -> None:
        with self.lock:
            if session_id in self.session_data:
                self.session_data.move_to_end(session_id)
            if len(self.session_data) > self.capacity:
                *others, _ = self.session_data.items()  # from the longest idle to this one
                self._forget(next((one for one, state in others if not state.changed), others[0][0]))

    def delete_all_expired_state(self) -> None:
        super().delete_all_expired_state()
        oldest = datetime.datetime.now() - datetime.timedelta(seconds=REMEMBERED_S)
        with self.lock:
            for one in [one for one, state in self.session_data.items() if state.is_closed]:
                if self.time_last_used[one] < oldest:
                    self._forget(one)

    def _forget(self, session_id: str) -> None:
        self.delete_state(session_id)  # calls what gr.State has to delete its values with
        del self.session_data[session_id]
        self.time_last_used.pop(session_id, None)


def keep_small(states: StateHolder) -> None:
    """Make Gradio's sessions of a page VisitorStates, before the first of them; it has no option for it."""
    states.__class__ = VisitorStates
    states.capacity = CAPACITY
