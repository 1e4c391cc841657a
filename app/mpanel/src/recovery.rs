//! Backing up the installation itself, restoring it elsewhere, and going on when the master key is lost. Like the rest of
//! `operator` it works on the data folder, whether mPanel runs there or not.

mod args;
mod backup;
mod farm;
mod keys;
mod layout;
mod losses;
mod place;
mod progress;
mod restore;
mod rotation;
mod seal;
mod unpack;
mod verify;

#[cfg(test)]
mod tests;

use std::path::Path;

pub use args::{Backup, Import, Restore, Rotate};

/// # Errors
/// A text for the operator.
pub fn backup(command: &Backup) -> anyhow::Result<()> {
    match command {
        Backup::Own(args) => block_on(backup::run(args)),
        Backup::Verify(args) => block_on(verify::run(args)),
    }
}

/// # Errors
/// A text for the operator.
pub fn restore(args: &Restore) -> anyhow::Result<()> {
    block_on(restore::run(args))
}

/// # Errors
/// A text for the operator.
pub fn import(args: &Import) -> anyhow::Result<()> {
    block_on(keys::import(args))
}

/// # Errors
/// A text for the operator.
pub fn rotate(args: &Rotate) -> anyhow::Result<()> {
    block_on(keys::rotate(args))
}

/// What `up` does before it starts anything: refuses half a restore, and clears what a killed backup left.
///
/// # Errors
/// When a restore into the folder was begun and not finished.
pub fn before_start(data: &Path) -> anyhow::Result<()> {
    restore::refuse_half(data)?;
    farm::clear(data)
}

/// On this thread alone: with it ends the PostgreSQL that is started for the work.
fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(work);
    runtime.shutdown_background();
    result
}
