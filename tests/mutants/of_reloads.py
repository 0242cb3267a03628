"""What a reload must not bring about: a wipe that the site does not want any more, half a configuration, a wish that is lost."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_LEAVE = ("tests/unit/ingest/test_leave.py",)
_DOCKS = "tests/unit/dockd/docks"
_RELOADING = "tests/unit/dockd/test_reloading.py"

RELOADS = (
    Mutant(
        name="start: a list that check-config refuses names officers", promise="P5: nobody is shown as the owner of a camera by a wrong list",
        file="dockd/page/registry.py", old="return _unusable(found) if found.mistakes else _usable(found)", new="return _usable(found)",
        tests=(f"{_RELOADING}::test_check_config_a_reload_and_a_start_judge_alike",),
    ),
    Mutant(
        name="reload: what a start goes on with is followed by a reload", promise="P5: check-config, reload and start judge alike",
        file="dockd/reloading.py", old="        if found.values:\n", new="        if not found:\n",
        tests=(f"{_RELOADING}::test_check_config_a_reload_and_a_start_judge_alike",),
    ),
    Mutant(
        name="reload: a permit is written though wiping was turned off", promise="P2: no permit is written against the site's word",
        file="ingest/wipe.py", old="            self._leave.check(tx.execute, tx.clock, attested)\n", new="", tests=_LEAVE, short=True,
    ),
    Mutant(
        name="reload: a permit is used though wiping was turned off", promise="P2: nothing is deleted against the site's word",
        file="ingest/wipe.py", old='        return f"is not used any more, as {why}" if why else ""\n', new='        return "" if why else ""\n', tests=_LEAVE, short=True,
    ),
    Mutant(
        name="reload: off is not off", promise="P2: wiping that was turned off goes on", file="ingest/leave.py", old="        if not wish.wipe:\n",
        new="        if not wish.wipe and wish.grace:\n", tests=_LEAVE,
    ),
    Mutant(
        name="reload: a longer grace is not looked at last", promise="P2: deleted before the site's time", file="ingest/leave.py", old="        if wish.grace and any(",
        new="        if wish.grace < 0 and any(", tests=_LEAVE,
    ),
    Mutant(
        name="reload: the looser word holds before it is on record", promise="P4: cameras are emptied, and the record says that they are not",
        file="dockd/reloading.py", old="        self._wish(stricter)\n", new="        self._wish(wanted)\n", tests=(f"{_RELOADING}::test_what_cannot_be_put_on_record_is_the_stricter_of_both",),
    ),
    Mutant(
        name="reload: the stricter word waits for the record", promise="P2: a permit is written after the file that forbids it was read",
        file="dockd/reloading.py", old="        self._wish(stricter)\n", new="", tests=(f"{_RELOADING}::test_what_cannot_be_put_on_record_is_the_stricter_of_both",),
    ),
    Mutant(
        name="reload: of two wishes the looser one holds", promise="P2: turned off and back on in one file is on in between", file="ingest/leave.py",
        old="wipe=self.wipe and other.wipe", new="wipe=self.wipe or other.wipe", tests=_LEAVE,
    ),
    Mutant(
        name="reload: a start that does not empty is not on record", promise="P4: the record does not say why cameras were not emptied",
        file="dockd/reloading.py", old="            await self.agent.ledger.commit(lambda tx: wiping_word.say(tx, wish.word()))\n", new="            pass\n",
        tests=(f"{_RELOADING}::test_a_start_that_does_not_empty_at_once_is_on_record",),
    ),
    Mutant(
        name="reload: a start that empties is not on record over a word that says otherwise", promise="P4: the record says that cameras are not emptied, and permits follow",
        file="ingest/ledger/wiping_word.py", old="    if word != last(tx.execute):\n", new="    if word != WipingOn(seconds=0):\n",
        tests=(f"{_RELOADING}::test_a_start_that_empties_is_on_record_where_the_record_says_otherwise",), short=True,
    ),
    Mutant(
        name="reload: a start whose word cannot be written empties", promise="P4: the record says that cameras are not emptied, and permits follow",
        file="dockd/reloading.py", old="                self._wish(replace(wish, wipe=False))\n", new="",
        tests=(f"{_RELOADING}::test_a_start_that_cannot_be_put_on_record_empties_nothing_until_a_reload_did",),
    ),
    Mutant(
        name="reload: who empties by hand is not on record", promise="P4: the record says that cameras are not emptied, and permits follow",
        file="dockd/oneshot.py", old="    if agent.wipes:\n", new="    if not agent.wipes:\n", tests=("tests/unit/dockd/test_oneshot_wait.py::test_who_empties_by_hand_is_on_record_where_the_record_says_otherwise",),
    ),
    Mutant(
        name="reload: a wish during a reload is lost", promise="P5: the file that lies there is not the one that is followed, and nobody says so",
        file="dockd/reloading.py", old="                await self._one()\n            except", new="                await self._one()\n                self.wishes.reloading.clear()\n            except",
        tests=(f"{_RELOADING}::test_a_wish_in_the_middle_of_a_reload_is_another_one",),
    ),
    Mutant(
        name="reload: one that is cut off is lost", promise="P5: the file that lies there is not the one that is followed, and nobody says so",
        file="dockd/reloading.py", old="                self.wishes.reload()  # it was", new="                pass  # it was", tests=(f"{_RELOADING}::test_a_reload_that_is_cut_off_is_wished_for_still",),
    ),
    Mutant(
        name="reload: what wants a restart is not said", promise="P5: the page shows a configuration that is not followed",
        file="dockd/reloading.py", old="        self.applied.restart = [key for key in left if key not in LIVE]\n", new="        self.applied.restart = [key for key in left if key in LIVE]\n",
        tests=("tests/e2e/test_reload.py::test_with_a_wrong_file_the_running_one_stays_and_everybody_can_see_it",),
    ),
    Mutant(
        name="reload: a wrong profile keeps on the list who was struck off it", promise="P3: a camera is emptied that the site does not name any more",
        file="dockd/docks/usb_known.py", old="            self._listed = _Both(self._whole, listed)\n", new="", tests=(f"{_DOCKS}/test_usb_known.py", f"{_DOCKS}/test_usb_dock.py"), short=True,
    ),
    Mutant(
        name="reload: a wrong profile lets the list name more", promise="P3: a camera is emptied while nobody knows what the site withholds",
        file="dockd/docks/usb_known.py", old="_Both(self._whole, listed)", new="listed", tests=(f"{_DOCKS}/test_usb_known.py",),
    ),
    Mutant(
        name="reload: who was struck off is emptied on until it is docked anew", promise="P3: a camera is emptied that the site does not name any more",
        file="dockd/docks/usb_dock.py", old="            if bay.stale():\n", new="            if bay.stale() and not mistakes:\n", tests=(f"{_DOCKS}/test_usb_dock.py",),
    ),
    Mutant(
        name="release: to be kept longer is not obeyed by what is being proven", promise="P1: the dock's copy goes though the site wants it kept",
        file="ingest/release.py", old="        if keep < self._keep:", new="        if keep < 0:", tests=("tests/unit/ingest/test_release.py::test_to_be_kept_longer_is_obeyed_by_what_is_being_proven",),
    ),
    Mutant(
        name="asking: a token wherever the agent says", promise="a token is shown where the configuration or the person says, and nowhere else",
        file="dockd/cli/page_client.py", old="    if told is not None and shows_token:\n", new="    if told is None and shows_token:\n",
        tests=("tests/e2e/test_reload.py",),
    ),
    Mutant(
        name="asking: anywhere", promise="what an agent has left is believed of this machine, and of hosts that the configuration names",
        file="dockd/ops/page_address.py", old="return is_loopback(host) or host in _EVERYWHERE or host in hosts", new="return True",
        tests=("tests/unit/dockd/ops/test_page_address.py",),
    ),
    Mutant(
        name="asking: a default for what was meant otherwise", promise="of a wrong configuration nothing is guessed",
        file="dockd/cli/right_keys.py", old="        return stands_in and mistake.key not in _KNOWN\n", new="        return False\n",
        tests=("tests/unit/dockd/cli/test_right_keys.py",),
    ),
)  # fmt: skip
