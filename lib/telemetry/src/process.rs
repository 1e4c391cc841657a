//! What the kernel knows about this process, read from `/proc` when metrics are scraped (proc(5)).

use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Seconds, bytes and counts of this process.
#[derive(Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) cpu_seconds: f64,
    pub(crate) uptime_seconds: f64,
    pub(crate) resident_bytes: u64,
    pub(crate) open_fds: u64,
    pub(crate) threads: u64,
}

impl Sample {
    /// `None` where `/proc` is missing or unreadable: metrics then lack these lines.
    pub(crate) fn take() -> Option<Self> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        let uptime = fs::read_to_string("/proc/uptime").ok()?;
        let open_fds = fs::read_dir("/proc/self/fd").ok()?.count() as u64;
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        Self::parse(&stat, &uptime, ticks, rustix::param::page_size() as u64, open_fds)
    }

    /// The second field of `stat`, the command, may hold blanks and brackets: count from its last bracket.
    pub(crate) fn parse(stat: &str, uptime: &str, ticks: f64, page: u64, open_fds: u64) -> Option<Self> {
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        // Numbered as in proc(5), where the state after the bracket is field 3.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        let since_boot: f64 = uptime.split_ascii_whitespace().next()?.parse().ok()?;
        Some(Self {
            cpu_seconds: (field(14)? + field(15)?) as f64 / ticks,
            threads: field(20)?,
            uptime_seconds: since_boot - field(22)? as f64 / ticks,
            resident_bytes: field(24)? * page,
            open_fds,
        })
    }
}

#[derive(Debug)]
pub(crate) struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Some(sample) = Sample::take() else { return Ok(()) };
        let mut put = |name, help, metric: &dyn EncodeMetric| {
            let encoder = encoder.encode_descriptor(name, help, None, metric.metric_type())?;
            metric.encode(encoder)
        };
        put(
            "process_cpu_seconds",
            "CPU time used",
            &ConstCounter::new(sample.cpu_seconds),
        )?;
        put(
            "process_uptime_seconds",
            "Time since the process started",
            &ConstGauge::new(sample.uptime_seconds),
        )?;
        put(
            "process_resident_memory_bytes",
            "Resident memory",
            &gauge(sample.resident_bytes),
        )?;
        put("process_open_fds", "Open file descriptors", &gauge(sample.open_fds))?;
        put("process_threads", "Threads", &gauge(sample.threads))
    }
}

fn gauge(value: u64) -> ConstGauge<i64> {
    ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX))
}
