"""The local page and API: what is so, told to people and programs.

Why it exists: a sergeant has two seconds to see which cameras may be taken. The parts: `state` (facts of a bay → one word, pure),
`view` (the facts, gathered and cached), `documents` (the API's shapes), `api` and `pages` (answers), `live` (Server-Sent Events),
`doorkeeper` (who may ask, what goes with every answer), `server` (the socket).

Rules: it says what is true, and when it cannot know it says that; nothing here changes anything; names from cameras are hostile.
"""
