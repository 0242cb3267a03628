"""Will the footage of a shift be in the store before the next one ends? Answered by arithmetic, for `dockd plan`.

Why it exists: a line, a spool and a number of bays are bought before a rack is. What they come to cannot be seen on a quiet day, and a rack that
falls behind does so slowly. So the way of the footage (camera, spool, line, store, and back to an empty camera) is reckoned through over days.

Rules kept here: pure, no file, no network and no clock, the same question always gives the same answer; bytes flow at rates that are constant between
two events, so that nothing is rounded to minutes; what is not known is a number of the question and never a guess inside. Times are seconds
since the epoch, amounts bytes, rates bytes per second.

The parts: `steps` (a rate over time), `calendar` (shifts, timetables and outages as such steps), `question`, `flows` (what one moment's rates are),
`simulation` (from event to event), `outcome` (what came of it), `verdict` (what it means, and what would do), `words` and `drawing`.
"""
