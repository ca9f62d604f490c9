//! The inspector's cases: files of inputs and of what is to be found in them.
