"""What each problem and each state of a bay means, what to do about it, and who does it: the texts of /problems and /help. Pure.

Rules kept here: every name in `problems.PROBLEMS` and every state in `looks.LOOKS` has its guidance (a test says so); what is said to be done can
be done by who is named; nothing is promised of footage that this dock cannot know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from dockd.page.language import said
from dockd.page.looks import BayState

Doer = Literal["officer", "sergeant", "ops"]
DOERS: Mapping[Doer, str] = {"officer": said("The officer"), "sergeant": said("The sergeant"), "ops": said("Ops")}


@dataclass(frozen=True, kw_only=True, slots=True)
class Guidance:
    """`title`: what it is called; `means`: what it means for the footage; `who`: it ends by them; `officer`, `sergeant`, `ops`: what each does."""

    title: str
    means: str
    who: Doer
    officer: str = ""
    sergeant: str = ""
    ops: str = ""

    @property
    def steps(self) -> list[tuple[str, str]]:
        """Who does what, in turn."""
        every = ((DOERS["officer"], self.officer), (DOERS["sergeant"], self.sergeant), (DOERS["ops"], self.ops))
        return [(doer, what) for doer, what in every if what]


@dataclass(frozen=True, kw_only=True, slots=True)
class Meaning:
    """`means`: what is so; `do`: what to do with the camera or the bay."""

    means: str
    do: str


OF_PROBLEMS: Mapping[str, Guidance] = {
    "footage_lost": Guidance(
        title=said("Footage is lost"), who="ops",
        means=said("No copy of it is left: not on its camera, not on this dock, not in the central store. dockd did not delete it: it deletes only what the store has proven to have."),
        sergeant=said("Tell ops at once, and do not use the camera it was on."),
        ops=said("The record of the file says where its copies were and what became of each. Close this once it is written down elsewhere."),
    ),
    "footage_in_doubt": Guidance(
        title=said("Footage is in doubt"), who="ops",
        means=said("The dock's record book says nothing of where it is now. The central store may have it, and is being asked."),
        sergeant=said("Wait until the store has answered. If it lasts longer than an hour while the store is connected, tell ops."),
        ops=said("The store's operator can look for the file by its name in the record."),
    ),
    "ledger_unusable": Guidance(
        title=said("The dock cannot write its record book"), who="ops",
        means=said("Nothing is copied and nothing is deleted before it can: all footage stays where it is."),
        sergeant=said("Leave the cameras in and tell ops."),
        ops=said("The dock's own disk is full, or fails. It goes on by itself when the disk does."),
    ),
    "ledger_rebuilt": Guidance(
        title=said("The dock has a new record book"), who="ops",
        means=said("The old one was damaged or gone. What lies on the dock and in the cameras was taken in again; of cameras that are away the new one knows nothing before they are back. Nothing is deleted until the store has answered for it."),
        sergeant=said("Leave each camera in until its bay lets it go, and tell ops."),
        ops=said("What was left of the old book is kept beside the new one, and it alone says what was on cameras that are away; look at the disk."),
    ),
    "ledger_went_back": Guidance(
        title=said("The dock's record book is an older one"), who="ops",
        means=said("What it wrote last is gone from it. Footage that went to the store since is looked for there. Nothing is deleted until the store has answered."),
        sergeant=said("Leave each camera in until its bay lets it go, and tell ops."),
        ops=said("Was a backup of the dock put back, or does its disk fail?"),
    ),
    "integrity_failed": Guidance(
        title=said("A file does not read the same twice"), who="sergeant",
        means=said("What was read from the camera is not what was read the second time: the card, the camera or the cable fails. The file is kept on the camera, and nothing is deleted from it."),
        sergeant=said("Set the camera aside for ops, and do not issue it."),
        ops=said("Try it in another bay; if it stays so, read the card with the tools of a laboratory."),
    ),
    "removed_early": Guidance(
        title=said("A camera was taken out too early"), who="officer",
        means=said("It left with footage that is not in the store yet. What is on that camera alone is lost if the camera is."),
        officer=said("Put it back into any bay, and leave it there until its bay says Take."),
        sergeant=said("If it cannot be brought back, close this with the reason."),
    ),
    "copy_failed": Guidance(
        title=said("A camera cannot be copied"), who="sergeant",
        means=said("The dock cannot read some or all of what is on it. What is not copied is on the camera alone, and stays there."),
        sergeant=said("Take it out and put it into another bay. If it stays so, set it aside for ops, and do not issue it."),
    ),
    "store_refused": Guidance(
        title=said("The store does not take a file"), who="ops",
        means=said("The central store has refused it for good. It is kept on this dock and on its camera, and nothing of it is deleted."),
        sergeant=said("Leave the camera in its bay and tell ops."),
        ops=said("The file's page says what the store answered. When its cause is gone, choose Try again there."),
    ),
    "store_dishonest": Guidance(
        title=said("The store is not to be believed"), who="ops",
        means=said("It vouched for what it does not have. Nothing is deleted any more, from no camera and not from the dock, until a person pins the store anew."),
        sergeant=said("Leave the cameras in and tell ops at once."),
        ops=said("Find out why before anything else; then dockd store pin."),
    ),
    "store_went_back": Guidance(
        title=said("The store has forgotten footage"), who="ops",
        means=said("The central store is an older copy of itself. What it lost is sent again where a copy lives, and told as lost where none does."),
        sergeant=said("Leave the cameras in and tell ops at once."),
        ops=said("Was a backup put back? This stays until a person pins the store anew (dockd store pin)."),
    ),
    "store_unconfirmed": Guidance(
        title=said("A store has to be confirmed"), who="ops",
        means=said("This dock was put back from a backup, which cannot know whether the store was caught or replaced since. Footage is copied and sent. Nothing is deleted, from no camera and not from the dock, until a person pins the store."),
        sergeant=said("Cameras are not emptied meanwhile. Tell ops."),
        ops=said("Ask the store's operator whether it was replaced since the backup, and hold its key against what they say. Then stop dockd, dockd store pin, and start it."),
    ),
    "wrong_store": Guidance(
        title=said("Another store answers"), who="ops",
        means=said("What answers at the store's address is not the store that this dock knows. Nothing is sent there, and nothing is deleted."),
        sergeant=said("Leave the cameras in and tell ops."),
        ops=said("Is the share mounted? Is the address right? If it is a new store that is meant, dockd store pin."),
    ),
    "store_down": Guidance(
        title=said("The central store cannot be reached"), who="ops",
        means=said("Footage is copied onto this dock and kept there. Cameras are not emptied meanwhile. It goes on by itself when the store answers again."),
        sergeant=said("Leave the cameras in. If it lasts longer than an hour, tell ops. If cameras run short, those that say May go out may be taken."),
        ops=said("Look at the line and at the store."),
    ),
    "evidence_not_marked": Guidance(
        title=said("The store does not know what is evidence"), who="ops",
        means=said("It was marked as evidence here. The store has it, and has not taken the mark: it may delete it there by age, as anything else."),
        sergeant=said("Tell ops."),
        ops=said("dockd tells the store again until it knows. May this dock mark there? Where the store has no marks at all, tell its operator which files these are, and close this with the reason."),
    ),
    "spool_spoils": Guidance(
        title=said("This dock spoils its copies"), who="ops",
        means=said("Its disk or its memory fails: what was written is not what is read back. The cameras have the footage still."),
        sergeant=said("Leave the cameras in, or put them into another dock, and tell ops."),
        ops=said("This dock's disk and memory have to be looked at now."),
    ),
    "spool_failed": Guidance(
        title=said("The dock's own disk takes nothing"), who="ops",
        means=said("Nothing can be copied from cameras. Their footage stays on them."),
        sergeant=said("Leave the cameras in and tell ops."),
        ops=said("It goes on by itself when the disk does."),
    ),
    "spool_full": Guidance(
        title=said("The dock's room is used up"), who="ops",
        means=said("Cameras wait, and keep their footage, until the store has taken more of what lies here."),
        sergeant=said("Leave the cameras in. If it lasts, tell ops."),
        ops=said("Look at the line and at the store, and at what bandwidth dockd may use (System)."),
    ),
    "dock_unwatched": Guidance(
        title=said("A part of dockd has stopped"), who="ops",
        means=said("It is started again by itself. Until then cameras that are put in may not be noticed."),
        sergeant=said("Leave the cameras in. If it lasts longer than five minutes, tell ops."),
        ops=said("The log says why."),
    ),
    "usb_trouble": Guidance(
        title=said("The rack's USB has trouble"), who="ops",
        means=said("Cameras behind it may not be read. What is on them stays on them."),
        sergeant=said("Leave the cameras in and tell ops."),
        ops=said("It is a hub, its power, or a cable."),
    ),
    "bay_fault": Guidance(
        title=said("A bay does not work"), who="sergeant",
        means=said("What is in it is not read. Its footage stays on it."),
        sergeant=said("Put the camera into another bay. If the bay stays so, take it out of use on its page, and tell ops."),
    ),
    "will_not_charge": Guidance(
        title=said("A battery does not charge"), who="sergeant",
        means=said("Its footage is dealt with all the same. The camera would not last a shift."),
        sergeant=said("Try it in another bay. If it stays so, hand it to ops, and issue another."),
    ),
    "clock_wrong": Guidance(
        title=said("A camera's clock is wrong"), who="sergeant",
        means=said("Its footage is safe, and the record says how far the clock was off. What it records next would have the wrong time on it."),
        sergeant=said("Set its clock before it is issued, or issue another and hand this one to ops."),
    ),
    "access_unreadable": Guidance(
        title=said("The list of people and tokens cannot be read"),
        who="ops",
        means=said(
            "Nobody can sign in, and no token is taken, until it can. Cameras are copied and emptied all the same."
        ),
        sergeant=said("Tell ops."),
        ops=said("access.db beside the record book is damaged, or dockd may not read it; the log says which."),
    ),
    "config_wrong": Guidance(
        title=said("The dock's configuration has mistakes"), who="ops",
        means=said("What is wrong in it is not followed: after a reload, what was set before stays in force. Cameras are looked after as ever. With a mistake in dockd.toml itself dockd may not start again."),
        ops=said("`dockd check-config` names each mistake with its line. Mend them, then `systemctl reload dockd`."),
    ),
    "restart_needed": Guidance(
        title=said("The dock's configuration is followed in part"), who="ops",
        means=said("Something was changed in it that is followed after a restart of dockd alone. Until then what was set before stays in force."),
        ops=said("Restart dockd at a quiet time (`systemctl restart dockd`), or put back what was changed and reload it. Cameras go on where they were."),
    ),
    "registry_unread": Guidance(
        title=said("The list of cameras cannot be used"), who="ops",
        means=said("Nobody is told whose a camera is. Cameras of a common kind are copied, and not emptied, as long as no list names them."),
        sergeant=said("Tell ops."),
        ops=said("Mend the file that registry.file names; it is read again with the settings."),
    ),
    "not_ours": Guidance(
        title=said("Something that is not a camera of this site"), who="sergeant",
        means=said("It is not touched: nothing is copied from it and nothing is deleted."),
        sergeant=said("Take it out. If it is one of the site's cameras, hand it to ops: it has to be put on the list."),
    ),
    "certificate_ended": Guidance(
        title=said("A certificate has ended"), who="ops",
        means=said("The central store and this dock, or browsers and these pages, no longer believe each other. Footage is copied from cameras as ever; while the store cannot be reached nothing is deleted."),
        sergeant=said("Tell ops. Leave the cameras in."),
        ops=said("The problem says which. For the store: `dockd enroll` on the dock, with an invitation of the store's operator. For these pages: put the renewed files where the old ones are, and reload dockd. See docs/enrolment.md."),
    ),
    "certificate_ends": Guidance(
        title=said("A certificate ends soon"), who="ops",
        means=said("Nothing is wrong yet. When it has ended, the central store or these pages cannot be reached."),
        ops=said("The problem says which. The dock's own for the store is renewed by itself from half of its time on, where the store gives such; the log says why it was not. The others are renewed by whoever made them; a renewed file is taken up by itself, or with a reload."),
    ),
    "page_in_clear": Guidance(
        title=said("These pages are sent in clear"),
        who="ops",
        means=said(
            "Whoever is on the line between can read what these pages show and what is typed into them. Footage is not sent with them."
        ),
        sergeant=said("Do not type your password from another machine."),
        ops=said("Give the page a certificate and a key (page.tls_cert_file, page.tls_key_file)."),
    ),
}  # fmt: skip


OF_STATES: Mapping[BayState, Meaning] = {
    "ready": Meaning(
        means=said("All its footage is in the central store, proven; it is empty, charged, and its clock is right, as far as that can be known."),
        do=said("Take it."),
    ),
    "usable": Meaning(
        means=said("All its footage is safe on this dock, but the store has not confirmed it yet, and the camera is not emptied. It has room for a shift. A bay says so when its camera has waited for the store for long (15 minutes, unless the site has set another time), and only while fewer than half of the cameras in the rack are ready."),
        do=said("Take it only if there is no other. It is emptied when it comes back."),
    ),
    "reading": Meaning(means=said("The dock looks at what is on it."), do=said("Leave it in.")),
    "queued": Meaning(means=said("Other cameras are copied first: a few at a time are done sooner than all at once."), do=said("Leave it in.")),
    "copying": Meaning(means=said("Its footage is copied onto this dock, and every file is read a second time."), do=said("Leave it in.")),
    "unconfirmed": Meaning(
        means=said("All its footage is on this dock. It is sent to the store, or waits for its turn. Amber: it has been waiting for long."),
        do=said("Leave it in: it is emptied when the store has proven that it has everything."),
    ),
    "wiping": Meaning(means=said("The store has everything. What it has is deleted from the camera, file by file."), do=said("Leave it in.")),
    "charging": Meaning(means=said("All its footage is in the store and it is empty; its battery is not full enough yet."), do=said("Leave it in until it says Take.")),
    "removed_early": Meaning(
        means=said("The camera was taken out of this bay before all of its footage was safe on this dock, or with too little room left on it for a shift."),
        do=said("Find it and put it back into any bay. This stays until it is there again, or a sergeant closes the problem with a reason."),
    ),
    "copy_failed": Meaning(means=said("Some of its files, or all of them, cannot be read."), do=said("Try it in another bay. If it stays so, set it aside for ops, and do not issue it.")),
    "integrity_failed": Meaning(means=said("A file did not read the same twice, or a copy is not what it was. It is kept wherever it is."), do=said("Set it aside for ops, and do not issue it.")),
    "store_refused": Meaning(means=said("The central store does not take one of its files. It is kept, here and on the camera."), do=said("Leave it in and tell ops.")),
    "clock_wrong": Meaning(means=said("Its footage is safe. Its clock is not right, so what it records next would have the wrong time."), do=said("Set its clock, or hand it to ops.")),
    "not_ours": Meaning(means=said("It is not a camera of this site, as far as dockd knows. Nothing on it is touched."), do=said("Take it out. If it is one of yours, hand it to ops.")),
    "will_not_charge": Meaning(means=said("Its battery does not charge."), do=said("Try it in another bay. If it stays so, hand it to ops.")),
    "bay_fault": Meaning(means=said("The bay does not work, or its cable does not."), do=said("Put the camera into another bay. If the bay stays so, tell ops.")),
    "empty": Meaning(
        means=said("No camera is in it. Where the one that was in it went out with footage that the store has not confirmed, the handover names it; if it was taken out before all of that was on this dock, the bay says Put back instead."),
        do=said("A camera may be put in."),
    ),
    "out_of_use": Meaning(means=said("Somebody has taken this bay out of use; its page says why."), do=said("Do not put a camera in.")),
    "unknown": Meaning(means=said("dockd cannot say at this moment. It never calls a camera ready that it does not know of."), do=said("Leave it in, and look again in a minute. If it lasts, tell ops.")),
}  # fmt: skip
