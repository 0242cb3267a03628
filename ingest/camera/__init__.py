"""What a camera is to the worker that reads it: `base` has the contract, a module a kind beside it."""
