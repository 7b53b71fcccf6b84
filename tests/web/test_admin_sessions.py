# SPDX-License-Identifier: Apache-2.0

import pytest

from web.admin_sessions import (
    FORGET_S,
    FREE,
    LONGEST_WAIT_S,
    MOST_CLIENTS,
    SESSION_S,
    AdminSessions,
    TryLater,
)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def waits(sessions, clock, clients):
    """Seconds that each wrong password after the free ones must be waited for."""
    found = []
    for client in clients:
        try:
            assert sessions.sign_in("wrong", client) is None
        except TryLater as later:
            found.append(later.seconds)
            clock.now += later.seconds
            assert sessions.sign_in("wrong", client) is None
    return found


def test_the_link_opens_one_session():
    sessions = AdminSessions(link=True)
    token = sessions.link_token
    assert sessions.redeem("") is sessions.redeem(token + "x") is sessions.redeem("\ud800") is None
    assert sessions.is_open(sessions.redeem(token))
    assert sessions.redeem(token) is None
    assert sessions.redeem("") is None


def test_without_link_or_password_nothing_opens():
    sessions = AdminSessions()
    assert sessions.redeem("") is sessions.sign_in("", "somebody") is None
    assert not sessions.is_open(None)
    assert not sessions.is_open("")


def test_a_session_ends_by_itself_or_when_it_is_ended(clock):
    sessions = AdminSessions("secret", clock=clock)
    first, second = sessions.sign_in("secret", "a"), sessions.sign_in("secret", "a")
    sessions.sign_out(first)
    assert (sessions.is_open(first), sessions.is_open(second)) == (False, True)
    clock.now = SESSION_S
    assert not sessions.is_open(second)


def test_waits_grow_with_each_wrong_password_of_a_client(clock):
    sessions = AdminSessions("secret", clock=clock)
    assert waits(sessions, clock, ["a"] * (FREE + 10)) == [
        2,
        4,
        8,
        16,
        32,
        64,
        128,
        256,
        LONGEST_WAIT_S,
        LONGEST_WAIT_S,
    ]
    with pytest.raises(TryLater):
        sessions.sign_in("secret", "a")  # the right one tells nothing meanwhile
    assert sessions.sign_in("secret", "b")
    clock.now += LONGEST_WAIT_S
    assert sessions.sign_in("secret", "a")
    assert waits(sessions, clock, ["a"] * FREE) == []


def test_an_hour_without_wrong_passwords_is_a_new_beginning(clock):
    sessions = AdminSessions("secret", clock=clock)
    waits(sessions, clock, ["a"] * (FREE + 3))
    clock.now += FORGET_S + 1
    assert waits(sessions, clock, ["a"] * FREE) == []


def test_wrong_passwords_of_others_never_lock_the_admin_out(clock):
    sessions = AdminSessions("secret", clock=clock)
    assert waits(sessions, clock, map(str, range(50))) == []
    assert waits(sessions, clock, ["hammering"] * (FREE + 4)) == [2, 4, 8, 16]
    assert sessions.is_open(sessions.sign_in("secret", "me"))


def test_clients_are_not_remembered_without_end(clock):
    sessions = AdminSessions("secret", clock=clock)
    for client in range(MOST_CLIENTS + 50):
        clock.now += LONGEST_WAIT_S
        sessions.sign_in("wrong", str(client))
    assert len(sessions._clients) == MOST_CLIENTS
