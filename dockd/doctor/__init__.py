"""`dockd doctor`: what of this machine keeps a dock from its work, said in one sentence each, with what to do.

Rules kept here: nothing is changed, on the machine or in a dock's state; each check is a pure function over what is read (`machine.Machine`), so that
tests feed it trees of their own; what waits, waits in a process of its own and no longer than its time (`running`), for a disk or store that
hangs is what a doctor is called for; whatever the machine says is shown escaped and shortened; what could not be looked at is said, never left out.
"""
