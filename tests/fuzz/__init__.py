"""What comes from outside, damaged: each module is one thing that reads it, with what has to be so whatever comes.

`make test-soak` gives it an hour in all, a build a minute (`DOCKD_FUZZ_SECONDS` says otherwise). An input that breaks a property is printed
as small as hypothesis can make it, so that it can become a named test.
"""
