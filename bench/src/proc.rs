//! What processes use, from `/proc`.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result};

/// Of a second; the same on every Linux.
const TICKS: f64 = 100.0;

/// Fields of `/proc/<pid>/stat` that follow the command's name, which may hold spaces and brackets.
fn fields(pid: u32) -> Option<Vec<u64>> {
    Some(parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?))
}

/// From field 3 on, the state; what is no number (the state, and a few negative ones) counts as 0.
pub fn parse(stat: &str) -> Vec<u64> {
    let rest = stat.rsplit(')').next().unwrap_or_default();
    rest.split_whitespace()
        .map(|field| field.parse().unwrap_or_default())
        .collect()
}

/// The process and everything that it has started, directly or not.
pub fn tree(root: u32) -> BTreeSet<u32> {
    let all: Vec<(u32, u64)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let pid = entry.ok()?.file_name().to_str()?.parse().ok()?;
            Some((pid, *fields(pid)?.get(1)?))
        })
        .collect();
    let mut found = BTreeSet::from([root]);
    loop {
        let before = found.len();
        let below = |parent: &u64| u32::try_from(*parent).is_ok_and(|parent| found.contains(&parent));
        let more: Vec<u32> = all
            .iter()
            .filter(|(_, parent)| below(parent))
            .map(|(pid, _)| *pid)
            .collect();
        found.extend(more);
        if found.len() == before {
            return found;
        }
    }
}

/// User and system time of all threads of one process, in seconds.
pub fn cpu(pid: u32) -> Result<f64> {
    let fields = fields(pid).with_context(|| format!("process {pid} is gone"))?;
    Ok(ticks(&fields, 11..=12))
}

/// The same of a process and all below it, with those that have ended meanwhile.
pub fn cpu_of_tree(root: u32) -> Result<f64> {
    let of_one = |pid: &u32| fields(*pid).map(|fields| ticks(&fields, 11..=14));
    anyhow::ensure!(fields(root).is_some(), "process {root} is gone");
    Ok(tree(root).iter().filter_map(of_one).sum())
}

fn ticks(fields: &[u64], which: std::ops::RangeInclusive<usize>) -> f64 {
    let sum: u64 = fields.get(which).into_iter().flatten().sum();
    sum as f64 / TICKS
}

/// Memory in MiB.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Memory {
    /// Resident.
    pub rss: f64,
    /// Resident, with shared pages divided among those who share them.
    pub pss: f64,
}

/// # Errors
/// When the process is gone, or belongs to somebody else and we are not root.
pub fn memory(pid: u32) -> Result<Memory> {
    let file = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&file).with_context(|| file)?;
    let kib = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().trim_end_matches(" kB").parse::<f64>().ok()
    };
    let mib = |name: &str| {
        kib(name)
            .map(|kib| kib / 1024.0)
            .with_context(|| format!("no {name} of {pid}"))
    };
    Ok(Memory {
        rss: mib("Rss:")?,
        pss: mib("Pss:")?,
    })
}

/// The most that was resident since the process began, or since [`forget_peak`], in MiB.
///
/// # Errors
/// When the process is gone.
pub fn peak(pid: u32) -> Result<f64> {
    let file = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&file).with_context(|| file)?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: f64 = line.context("no VmHWM")?.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}

/// Begins to look for the peak anew (proc(5), `clear_refs`).
///
/// # Errors
/// When the process is gone, or belongs to somebody else and we are not root.
pub fn forget_peak(pid: u32) -> Result<()> {
    let file = format!("/proc/{pid}/clear_refs");
    fs::write(&file, "5").with_context(|| file)
}

/// The sum over a process and all below it.
///
/// # Errors
/// As [`memory`], of the first.
pub fn memory_of_tree(root: u32) -> Result<Memory> {
    let mut sum = memory(root)?;
    for pid in tree(root).into_iter().filter(|pid| *pid != root) {
        // One that has ended since it was listed uses nothing.
        let Ok(one) = memory(pid) else { continue };
        sum = Memory {
            rss: sum.rss + one.rss,
            pss: sum.pss + one.pss,
        };
    }
    Ok(sum)
}
