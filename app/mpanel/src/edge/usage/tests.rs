use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use mpanel_engine_edge::{SiteTraffic, Traffic};
use mpanel_feed::{Reports as _, Usage};
use mpanel_kernel::clock::ManualClock;
use tempfile::TempDir;

use super::{KEPT, Meter, REPORTED, WRITTEN, label};

struct Rig {
    folder: TempDir,
    clock: Arc<ManualClock>,
}

impl Rig {
    fn new() -> Self {
        let start: Timestamp = "2026-11-30T12:00:00Z".parse().unwrap();
        Self {
            folder: tempfile::tempdir().unwrap(),
            clock: Arc::new(ManualClock::new(start)),
        }
    }

    fn spool(&self) -> PathBuf {
        self.folder.path().join("usage")
    }

    /// A process that begins.
    fn start(&self) -> Meter {
        Meter::open(self.spool(), self.clock.clone())
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.spool()).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

fn grown(sites: &[(&str, u64)]) -> Vec<SiteTraffic> {
    let of = |(site, bytes): &(&str, u64)| SiteTraffic {
        site: label("tnt_1", site).into(),
        traffic: Traffic {
            requests: 1,
            bytes_in: 10,
            bytes_out: *bytes,
            status: [0, 1, 0, 0, 0],
        },
    };
    sites.iter().map(of).collect()
}

/// One second: what was counted in it is collected and written.
fn second(meter: &Meter, sites: &[(&str, u64)]) {
    let write = {
        let mut state = meter.state();
        state.collect(grown(sites));
        state.due_write()
    };
    if let Some(write) = write {
        let written = write.run();
        meter.state().written(write.boot, written);
    }
}

fn figures(usage: &Usage) -> Vec<(&str, u64, u64)> {
    let of = |site: &'_ mpanel_feed::SiteUsage| (site.requests, site.bytes_out);
    let sites = usage.sites.iter();
    sites.map(|site| (site.site.as_str(), of(site).0, of(site).1)).collect()
}

#[test]
fn what_a_killed_process_has_written_the_next_one_reports_until_it_is_taken() {
    let rig = Rig::new();
    let meter = rig.start();
    second(&meter, &[("a", 100), ("b", 5)]);
    second(&meter, &[("a", 50)]);
    // Counted and not written when the kill comes.
    meter.state().collect(grown(&[("a", 7)]));
    drop(meter);
    for _ in 0..2 {
        let mut next = rig.start();
        let usage = next.next().unwrap();
        assert_eq!(figures(&usage), [("a", 2, 150), ("b", 1, 5)]);
        assert_eq!(
            (usage.window.as_str(), usage.sites[0].tenant.as_str()),
            ("2026-11-30", "tnt_1")
        );
    }
    let mut last = rig.start();
    let usage = last.next().unwrap();
    last.taken(usage.seq);
    assert!(last.next().is_none());
    assert_eq!(rig.files(), [] as [PathBuf; 0]);
    assert!(rig.start().next().is_none());
}

#[test]
fn figures_are_cumulative_and_only_what_has_changed_is_reported() {
    let rig = Rig::new();
    let mut meter = rig.start();
    second(&meter, &[("a", 100), ("b", 5)]);
    let first = meter.next().unwrap();
    // Nobody answers, and more is counted meanwhile.
    second(&meter, &[("a", 100)]);
    let again = meter.next().unwrap();
    assert!(again.seq > first.seq && again.boot == first.boot);
    assert_eq!(figures(&again), [("a", 2, 200), ("b", 1, 5)]);
    second(&meter, &[("a", 1)]);
    // An answer to what was given up says nothing; one to what is on its way concerns what was said in it.
    meter.taken(first.seq);
    meter.taken(again.seq);
    let rest = meter.next().unwrap();
    assert_eq!(figures(&rest), [("a", 3, 201)]);
    meter.taken(rest.seq);
    assert!(meter.next().is_none());
    assert_eq!(rig.files().len(), 1);
    second(&meter, &[]);
    assert_eq!(rig.files().len(), 0, "what is taken is not kept on disk");
    second(&meter, &[("b", 1)]);
    assert_eq!(figures(&meter.next().unwrap()), [("b", 2, 6)]);
}

#[test]
fn each_process_counts_under_a_name_of_its_own_and_so_does_each_day() {
    let rig = Rig::new();
    let mut meter = rig.start();
    second(&meter, &[("a", 100)]);
    let before = meter.next().unwrap();
    rig.clock.advance(SignedDuration::from_hours(12));
    second(&meter, &[("a", 30)]);
    // What is over comes first.
    let old = meter.next().unwrap();
    assert_eq!((&old.boot, old.window.as_str()), (&before.boot, "2026-11-30"));
    meter.taken(old.seq);
    let new = meter.next().unwrap();
    assert_eq!((new.window.as_str(), figures(&new)), ("2026-12-01", vec![("a", 1, 30)]));
    assert_ne!(new.boot, old.boot);
    let mut next = rig.start();
    second(&next, &[("a", 2)]);
    let left = next.next().unwrap();
    assert_eq!(left.boot, new.boot);
    next.taken(left.seq);
    assert_ne!(next.next().unwrap().boot, new.boot);
    // A clock that is set back opens no window that was closed.
    next.taken(left.seq + 1);
    rig.clock.advance(SignedDuration::from_hours(-12));
    second(&next, &[("a", 4)]);
    let back = next.next().unwrap();
    assert_eq!(
        (back.window.as_str(), figures(&back)),
        ("2026-11-30", vec![("a", 1, 4)])
    );
    assert!(![&old.boot, &new.boot].contains(&&back.boot));
}

#[test]
fn a_disk_that_takes_nothing_is_tried_again_and_reports_go_on() {
    let rig = Rig::new();
    let mut meter = rig.start();
    std::fs::remove_dir(rig.spool()).unwrap();
    second(&meter, &[("a", 100)]);
    assert_eq!(figures(&meter.next().unwrap()), [("a", 1, 100)]);
    // Also when the day is over meanwhile.
    rig.clock.advance(SignedDuration::from_hours(12));
    second(&meter, &[("a", 3)]);
    std::fs::create_dir(rig.spool()).unwrap();
    second(&meter, &[]);
    second(&meter, &[]);
    drop(meter);
    let mut next = rig.start();
    let first = next.next().unwrap();
    assert_eq!(figures(&first), [("a", 1, 100)]);
    next.taken(first.seq);
    assert_eq!(figures(&next.next().unwrap()), [("a", 1, 3)]);
}

#[test]
fn what_is_not_whole_is_not_believed() {
    let rig = Rig::new();
    let meter = rig.start();
    second(&meter, &[("a", 100)]);
    let whole = rig.files().remove(0);
    let text = std::fs::read_to_string(&whole).unwrap();
    let put = |name: &str, text: &str| std::fs::write(rig.spool().join(name), text).unwrap();
    put(".tmpAbC", &text[..20]);
    // Under another's name the figures would be counted twice.
    put("01938d3e-0000-7000-8000-000000000000.json", &text);
    put("torn.json", &text[..20]);
    let mut next = rig.start();
    let usage = next.next().unwrap();
    next.taken(usage.seq);
    assert!(next.next().is_none());
    let names = |files: Vec<PathBuf>| {
        let mut names: Vec<_> = files.iter().map(|file| file_name(file)).collect();
        names.sort();
        names
    };
    assert_eq!(
        names(rig.files()),
        ["01938d3e-0000-7000-8000-000000000000.json", "torn.json"],
        "somebody may want to look at it"
    );
}

fn file_name(file: &Path) -> String {
    file.file_name().unwrap().to_string_lossy().into_owned()
}

#[test]
fn many_sites_are_reported_in_portions_and_too_many_old_ones_are_given_up() {
    let rig = Rig::new();
    let meter = rig.start();
    let names: Vec<String> = (0..KEPT / 2 + 1).map(|n| format!("site_{n}")).collect();
    let sites: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 1)).collect();
    for _ in 0..3 {
        second(&meter, &sites);
        rig.clock.advance(SignedDuration::from_hours(24));
    }
    // So many are not written every second.
    for _ in 0..=names.len() / WRITTEN {
        second(&meter, &[]);
    }
    assert_eq!(rig.files().len(), 1, "of three days the newest stays");
    let mut meter = rig.start();
    let (mut reports, mut reported) = (0, 0);
    while let Some(usage) = meter.next() {
        assert!(usage.sites.len() <= REPORTED && usage.window == "2026-12-02");
        reported += usage.sites.len();
        reports += 1;
        meter.taken(usage.seq);
    }
    assert_eq!((reports, reported), (names.len().div_ceil(REPORTED), names.len()));
    assert_eq!(rig.files().len(), 0);
}

#[test]
fn the_more_waits_to_be_reported_the_less_often_it_is_written() {
    let rig = Rig::new();
    let meter = rig.start();
    let names: Vec<String> = (0..3 * WRITTEN).map(|n| format!("site_{n}")).collect();
    let sites: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 1)).collect();
    let mut state = meter.state();
    state.collect(grown(&sites));
    let written: Vec<bool> = (0..8)
        .map(|_| {
            state.collect(grown(&[("site_0", 1)]));
            let write = state.due_write();
            if let Some(write) = &write {
                state.written(write.boot, write.run());
            }
            write.is_some()
        })
        .collect();
    let (yes, no) = (true, false);
    assert_eq!(written, [yes, no, no, no, yes, no, no, no]);
    // An end in order loses nothing.
    state.finish(grown(&[("site_0", 1)]));
    drop(state);
    drop(meter);
    let usage = rig.start().next().unwrap();
    assert_eq!(usage.sites[0].requests, 10);
}

#[test]
fn an_end_in_order_writes_every_window_that_is_not_written() {
    let rig = Rig::new();
    let meter = rig.start();
    std::fs::remove_dir(rig.spool()).unwrap();
    for bytes in [100, 3, 20] {
        second(&meter, &[("a", bytes)]);
        rig.clock.advance(SignedDuration::from_hours(24));
    }
    std::fs::create_dir(rig.spool()).unwrap();
    meter.state().finish(grown(&[("a", 1)]));
    drop(meter);
    let mut next = rig.start();
    for bytes in [100, 3, 20, 1] {
        let usage = next.next().unwrap();
        assert_eq!(figures(&usage), [("a", 1, bytes)]);
        next.taken(usage.seq);
    }
    assert!(next.next().is_none());
}
