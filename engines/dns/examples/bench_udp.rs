//! Answers per CPU-second of the server over UDP, with a zone of 10,002 names (90 % of queries hit, 10 % do not exist).
//!
//! ```text
//! bench_udp                               serve in this process and measure it
//! bench_udp serve ADDRESS DIR             write DIR/bench.zone and DIR/queries.txt, and serve until killed
//! bench_udp measure ADDRESS PID QUERIES   measure any server, for example Knot with the same zone file
//! ```
//! Needs `dnsperf`. The CPU time is that of the server's process alone, user and system.

use std::error::Error;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs, process, thread};

use mpanel_engine_dns::{Config, Listeners, Server, ZoneSet, load_zone_file};

const ORIGIN: &str = "bench.example";
const HOSTS: usize = 10_000;
const ROUNDS: usize = 3;
const SECONDS: &str = "4";

type Fallible<T> = Result<T, Box<dyn Error>>;

fn main() -> Fallible<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => {
            let dir = env::temp_dir().join(format!("bench-udp-{}", process::id()));
            let server = serve("127.0.0.1:0", &dir)?;
            measure(server.local_addr(), process::id(), &dir.join("queries.txt"))?;
            println!("{:?}", server.stats());
            server.stop();
            fs::remove_dir_all(dir)?;
        }
        ["serve", address, dir] => {
            let server = serve(address, Path::new(dir))?;
            println!("pid {} serves {ORIGIN} on {}", process::id(), server.local_addr());
            loop {
                thread::sleep(Duration::from_secs(3600));
            }
        }
        ["measure", address, pid, queries] => measure(address.parse()?, pid.parse()?, Path::new(queries))?,
        _ => return Err("see the head of this file for what it takes".into()),
    }
    Ok(())
}

fn serve(address: &str, dir: &Path) -> Fallible<Server> {
    fs::create_dir_all(dir)?;
    let mut zone = String::from("$TTL 3600\n@ SOA ns1 hostmaster 1 7200 900 1209600 300\n@ NS ns1\nns1 A 192.0.2.1\n");
    let mut queries = String::new();
    for host in 0..HOSTS {
        writeln!(zone, "host{host} A 198.51.{}.{}", host / 250, host % 250)?;
    }
    for query in 0..100_000_usize {
        let host = query * 7_919 % HOSTS;
        let label = if query % 10 == 0 { "missing" } else { "host" };
        writeln!(queries, "{label}{host}.{ORIGIN} A")?;
    }
    let file = dir.join("bench.zone");
    fs::write(&file, zone)?;
    fs::write(dir.join("queries.txt"), queries)?;
    let zones = ZoneSet::new();
    let zone = load_zone_file(ORIGIN, &file)?;
    println!(
        "{} names, {} records, {} KiB",
        zone.name_count(),
        zone.record_count(),
        zone.heap_bytes() / 1024
    );
    zones.upsert(zone);
    Ok(Server::start(
        Arc::new(zones),
        Listeners::bind(address.parse()?, 1)?,
        Config::default(),
    )?)
}

fn measure(address: SocketAddr, pid: u32, queries: &Path) -> Fallible<()> {
    let mut rates = Vec::new();
    for round in 1..=ROUNDS {
        let before = cpu_seconds(pid)?;
        let output = Command::new("dnsperf")
            .args(["-s", &address.ip().to_string(), "-p", &address.port().to_string()])
            .args(["-c4", "-T1", "-q200", "-l", SECONDS, "-d"])
            .arg(queries)
            .output()?;
        let cpu = cpu_seconds(pid)? - before;
        let text = String::from_utf8_lossy(&output.stdout);
        let field = |name: &str| -> Fallible<f64> {
            let line = text
                .lines()
                .find(|line| line.contains(name))
                .ok_or_else(|| format!("dnsperf said: {text}"))?;
            let value = line.split(':').nth(1).and_then(|rest| rest.split_whitespace().next());
            Ok(value.ok_or("no value")?.parse()?)
        };
        let (answers, lost, qps) = (
            field("Queries completed")?,
            field("Queries lost")?,
            field("Queries per second")?,
        );
        println!(
            "round {round}: {:.0} answers per server CPU-second, {qps:.0} QPS, {lost:.0} lost",
            answers / cpu
        );
        rates.push(answers / cpu);
    }
    rates.sort_by(f64::total_cmp);
    println!("median: {:.0} answers per server CPU-second", rates[ROUNDS / 2]);
    Ok(())
}

/// User and system time of a process, from `/proc` (100 ticks a second on every Linux).
fn cpu_seconds(pid: u32) -> Fallible<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The command name, in parentheses, may hold spaces.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |field: usize| -> Fallible<f64> { Ok(fields.get(field).ok_or("short stat")?.parse()?) };
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}
