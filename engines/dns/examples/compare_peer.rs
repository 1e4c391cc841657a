//! Asks this engine and another name server the same questions and prints where they differ.
//!
//! ```text
//! compare_peer nsd|knotd      a generated zone with aliases, wildcards, cuts and glue; every name and type
//! ```
//! Needs Debian's `nsd` or `knot`. Compared are the code, the AA bit, and the answer and authority sections as sets, and
//! for referrals the additional section.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write as _;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command};
use std::str::FromStr;
use std::time::Duration;
use std::{env, fs, process, thread};

use domain::base::iana::{Class, Rtype};
use domain::base::{Message, MessageBuilder, Name, ParsedName};
use domain::rdata::AllRecordData;
use mpanel_engine_dns::{Config, load_zone_file, name, serve_files};

type Fallible<T> = Result<T, Box<dyn Error>>;
const ORIGIN: &str = "peer.example";
const TYPES: [&str; 14] = [
    "A",
    "AAAA",
    "NS",
    "SOA",
    "CNAME",
    "MX",
    "TXT",
    "SRV",
    "CAA",
    "PTR",
    "DS",
    "TLSA",
    "HTTPS",
    "TYPE65281",
];

fn main() -> Fallible<()> {
    let peer = env::args().nth(1).ok_or("name the peer: nsd or knotd")?;
    let dir = env::temp_dir().join(format!("compare-peer-{}", process::id()));
    fs::create_dir_all(&dir)?;
    let file = dir.join("peer.zone");
    fs::write(&file, zone())?;
    let server = serve_files(
        "127.0.0.1:0".parse()?,
        &[(ORIGIN.into(), file.clone())],
        Config::default(),
    )?;
    let free = UdpSocket::bind("127.0.0.1:0")?.local_addr()?;
    let mut child = start(&peer, &dir, free)?;
    let result = wait(free).and_then(|()| compare(&file, server.local_addr(), free));
    // NSD's processes end together only when asked.
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM)?;
    child.wait()?;
    fs::remove_dir_all(&dir)?;
    let (asked, differing) = result?;
    println!("{asked} questions, {differing} answered differently than by {peer}");
    if differing == 0 {
        Ok(())
    } else {
        Err("answers differ".into())
    }
}

fn zone() -> String {
    let mut zone = String::from(
        "$TTL 300\n@ SOA ns1 h 1 2 3 4 60\n@ NS ns1\n@ NS ns.other.example.\nns1 A 192.0.2.1\nns1 AAAA 2001:db8::1\n\
         @ MX 10 mail\nmail A 192.0.2.2\n* TXT wild\n*.w CNAME www\nwww CNAME host\nhost A 192.0.2.3\n\
         out CNAME www.other.example.\ngone CNAME missing\ntodel CNAME a.del\ndel NS ns.del\ndel NS ns1\n\
         ns.del A 192.0.2.4\nhidden.del TXT hidden\na.*.lit A 192.0.2.5\n_x._tcp SRV 1 2 3 host\ne.n.t A 192.0.2.6\n\
         @ CAA 0 issue \"ca.example\"\nr PTR host\n_443._tcp.www2 TLSA 3 1 1 \
         0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\nh HTTPS 1 . alpn=h2\n",
    );
    for n in 0..40 {
        let _ = write!(
            zone,
            "h{n} A 198.51.100.{n}\nal{n} CNAME h{n}\nd{n} NS ns.d{n}\nns.d{n} AAAA 2001:db8::{n}\n"
        );
    }
    zone
}

fn start(peer: &str, dir: &Path, address: SocketAddr) -> Fallible<Child> {
    let (config, port, dir) = (dir.join("peer.conf"), address.port(), dir.display());
    let text = match peer {
        "nsd" => format!(
            "server:\n  ip-address: 127.0.0.1@{port}\n  zonesdir: \"{dir}\"\n  pidfile: \"\"\n  username: \"\"\n  \
             rrl-ratelimit: 0\n  database: \"\"\n  xfrdfile: \"{dir}/xfrd\"\n  zonelistfile: \"{dir}/list\"\n  xfrdir: \"{dir}\"\n\
             remote-control:\n  control-enable: no\nzone:\n  name: {ORIGIN}\n  zonefile: peer.zone\n"
        ),
        "knotd" => format!(
            "server:\n  rundir: {dir}\n  listen: 127.0.0.1@{port}\ndatabase:\n  storage: {dir}\nzone:\n  \
             - domain: {ORIGIN}\n    file: {dir}/peer.zone\n    zonefile-sync: -1\n    journal-content: none\n"
        ),
        other => return Err(format!("no configuration known for {other}").into()),
    };
    fs::write(&config, text)?;
    let mut command = Command::new(format!("/usr/sbin/{peer}"));
    if peer == "nsd" {
        command.arg("-d");
    }
    Ok(command.arg("-c").arg(config).spawn()?)
}

fn wait(address: SocketAddr) -> Fallible<()> {
    for _ in 0..100 {
        if ask(address, ORIGIN, "SOA").is_ok_and(|reply| reply.contains("aa=true")) {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(100));
    }
    Err("the peer does not answer".into())
}

fn compare(file: &Path, ours: SocketAddr, theirs: SocketAddr) -> Fallible<(usize, usize)> {
    let zone = load_zone_file(ORIGIN, file)?;
    let mut names: BTreeSet<String> = BTreeSet::from([ORIGIN.into()]);
    for (wire, _) in zone.names() {
        let text = name::to_text(wire);
        for below in ["nope", "*", "a.b", "ns"] {
            names.insert(format!("{below}.{text}"));
        }
        names.insert(text);
    }
    let (mut asked, mut differing) = (0, 0);
    for name in &names {
        for rtype in TYPES {
            let (here, there) = (ask(ours, name, rtype)?, ask(theirs, name, rtype)?);
            asked += 1;
            if here != there {
                differing += 1;
                println!("{name} {rtype}\n  ours   {here}\n  theirs {there}");
            }
        }
    }
    Ok((asked, differing))
}

fn ask(server: SocketAddr, name: &str, rtype: &str) -> Fallible<String> {
    let mut query = MessageBuilder::new_vec().question();
    query.push((
        Name::<Vec<u8>>::from_str(name)?,
        Rtype::from_str(rtype).map_err(|_| "type")?,
        Class::IN,
    ))?;
    let mut query = query.additional();
    query.opt(|opt| {
        opt.set_udp_payload_size(1232);
        Ok(())
    })?;
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_read_timeout(Some(Duration::from_secs(2)))?;
    socket.connect(server)?;
    socket.send(&query.finish())?;
    let mut buffer = [0; 2048];
    let len = socket.recv(&mut buffer)?;
    let message = Message::from_octets(&buffer[..len])?;
    let mut sections: [BTreeSet<String>; 3] = Default::default();
    let mut section = Some(message.answer()?);
    for lines in &mut sections {
        let mut records = section.take().ok_or("a section is missing")?;
        for record in &mut records {
            let record = record?
                .into_record::<AllRecordData<&[u8], ParsedName<&[u8]>>>()?
                .ok_or("no data")?;
            if record.rtype() != Rtype::OPT {
                lines.insert(format!("{record}").to_ascii_lowercase());
            }
        }
        section = records.next_section()?;
    }
    let [answer, mut authority, additional] = sections;
    let (rcode, aa) = (message.opt_rcode(), message.header().aa());
    let referral = !aa;
    if !answer.is_empty() && !authority.iter().any(|line| line.contains(" soa ")) && !referral {
        // Some servers add the zone's NS set to positive answers; that is a matter of taste.
        authority.retain(|line| !line.starts_with(&format!("{ORIGIN} ")) && !line.starts_with(&format!("{ORIGIN}. ")));
    }
    let glue = if referral { additional } else { BTreeSet::new() };
    Ok(format!("{rcode} aa={aa} {answer:?} {authority:?} {glue:?}"))
}
