import pytest

from core.admin_door import FORGET_S, FREE, FREE_OF_ALL, LONGEST_WAIT_S, MOST_CLIENTS, SESSION_S, Door, TryLater


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def waits(door, clock, clients):
    """Seconds that each wrong password after the free ones must be waited for."""
    found = []
    for client in clients:
        try:
            assert door.sign_in("wrong", client) is None
        except TryLater as later:
            found.append(later.seconds)
            clock.now += later.seconds
            assert door.sign_in("wrong", client) is None
    return found


def test_the_link_opens_one_session():
    door = Door(link=True)
    token = door.link_token
    assert door.redeem("") is door.redeem(token + "x") is door.redeem("\ud800") is None
    assert door.admits(door.redeem(token))
    assert door.redeem(token) is None
    assert door.redeem("") is None


def test_without_link_or_password_nothing_opens():
    door = Door()
    assert door.redeem("") is door.sign_in("", "somebody") is None
    assert not door.admits(None)
    assert not door.admits("")


def test_a_session_ends_by_itself_or_when_it_is_ended(clock):
    door = Door("secret", clock=clock)
    first, second = door.sign_in("secret", "a"), door.sign_in("secret", "a")
    door.sign_out(first)
    assert (door.admits(first), door.admits(second)) == (False, True)
    clock.now = SESSION_S
    assert not door.admits(second)


def test_waits_grow_with_each_wrong_password_of_a_client(clock):
    door = Door("secret", clock=clock)
    assert waits(door, clock, ["a"] * (FREE + 10)) == [2, 4, 8, 16, 32, 64, 128, 256, LONGEST_WAIT_S, LONGEST_WAIT_S]
    with pytest.raises(TryLater):
        door.sign_in("secret", "a")  # the right one tells nothing meanwhile
    assert door.sign_in("secret", "b")
    clock.now += LONGEST_WAIT_S
    assert door.sign_in("secret", "a")
    assert waits(door, clock, ["a"] * FREE) == []


def test_an_hour_without_wrong_passwords_is_a_new_beginning(clock):
    door = Door("secret", clock=clock)
    waits(door, clock, ["a"] * (FREE + 3))
    clock.now += FORGET_S + 1
    assert waits(door, clock, ["a"] * FREE) == []


def test_many_addresses_do_not_help(clock):
    door = Door("secret", clock=clock)
    session = door.sign_in("secret", "me")
    assert waits(door, clock, map(str, range(FREE_OF_ALL + 3))) == [2, 4, 8]
    assert door.admits(session)


def test_clients_are_not_remembered_without_end(clock):
    door = Door("secret", clock=clock)
    for client in range(MOST_CLIENTS + 50):
        clock.now += LONGEST_WAIT_S
        door.sign_in("wrong", str(client))
    assert len(door._clients) == MOST_CLIENTS
