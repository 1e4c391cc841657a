//! Everything that can go wrong with what identity does in the background.

mod answers;
mod reconcilers;
