//! Guard as a Lambda layer, and the `guard` command.
