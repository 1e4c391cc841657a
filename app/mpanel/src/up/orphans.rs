//! As the first process of a container this one inherits every process whose parent died, and has to take it out of the kernel's
//! table when it ends: those of a killed PostgreSQL, for one.

use std::collections::BTreeSet;

use mpanel_process::procfs;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// The children that were found ended at the last look.
#[derive(Debug, Default)]
pub struct Orphans {
    ended: BTreeSet<u32>,
}

impl Orphans {
    /// Takes out what had ended at the last look already: whoever waits for a child of its own has done so long before.
    pub fn look(&mut self, own: u32) {
        let is_ended = |pid: &u32| procfs::stat(*pid).is_some_and(|stat| stat.parent == own && !stat.is_alive());
        let ended: BTreeSet<u32> = procfs::pids().into_iter().filter(is_ended).collect();
        for pid in ended.intersection(&self.ended) {
            if let Some(pid) = i32::try_from(*pid).ok().and_then(Pid::from_raw) {
                // Somebody has waited in between.
                let _gone = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
            }
        }
        self.ended = ended;
    }
}
