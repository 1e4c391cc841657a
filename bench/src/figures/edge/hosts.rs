//! Memory with many hosts.

use std::fs;
use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::path::Path;

use anyhow::{Result, ensure};

use crate::peers::{Kind, Serves};
use crate::report::{Figure, Goal};
use crate::{http, proc};

const HOSTS: usize = 1000;

pub(super) fn measure(below: &Path) -> Result<Vec<Figure>> {
    let mut hosts = Vec::new();
    for number in 0..HOSTS {
        let folder = below.join("hosts").join(number.to_string());
        fs::create_dir_all(&folder)?;
        fs::write(
            folder.join("index.html"),
            format!("<h1>{number}</h1>{}", "x".repeat(4096)),
        )?;
        hosts.push((format!("www.site{number}.example"), folder));
    }
    let server = Kind::Edge.start(&Serves::Hosts(hosts.clone()), below)?;
    let mut stream = BufReader::new(TcpStream::connect(server.address)?);
    for (name, _) in &hosts {
        write!(stream.get_mut(), "GET / HTTP/1.1\r\nhost: {name}\r\n\r\n")?;
        let answer = http::read(&mut stream)?;
        ensure!(answer.status == 200, "{name} was answered {}", answer.status);
    }
    let rss = proc::memory(server.pid())?.rss;
    let command = format!("RSS of `mpanel edge serve` with {HOSTS} hosts after a page of each");
    Ok(vec![Figure::new(
        "edge with 1,000 hosts",
        "MiB",
        rss,
        Goal::AtMost(60.0),
        &command,
    )])
}
