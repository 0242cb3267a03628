"""Where cameras appear. Every kind of dock is a stream of Docked and Undocked (`base`); `docking` does not know which."""
