//! Static files, beside nginx as Debian packages it: one worker each, plain HTTP on kept-alive connections.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::proc;
use crate::report::{Figure, Goal};
use crate::stats::median;
use crate::system::{self, System};
use crate::wrk::Wrk;

const ROUNDS: usize = 3;
const SECONDS: u32 = 3;
const FILES: [(&str, usize); 2] = [("1k.html", 1024), ("16k.html", 16 * 1024)];

/// A web server of the folder `site`.
#[derive(Debug)]
struct Server {
    name: String,
    address: SocketAddr,
    process: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        system::end(&mut self.process);
    }
}

/// # Errors
/// When a server does not start or a request fails.
pub fn measure(system: &System, folder: &Path) -> Result<Vec<Figure>> {
    let site = folder.join("site");
    fs::create_dir_all(&site)?;
    for (name, size) in FILES {
        fs::write(site.join(name), vec![b'x'; size])?;
    }
    let servers = [edge(&system.program(), folder)?, nginx(folder)?];
    let wrk = Wrk::new(folder, 32)?;
    let mut figures = Vec::new();
    for (file, size) in FILES {
        let mut rates: [Vec<f64>; 2] = Default::default();
        for server in &servers {
            wrk.run(1, &[], &url(server, file))?;
        }
        // In turn, so that whatever else the machine does meets both.
        for _ in 0..ROUNDS {
            for (server, rates) in servers.iter().zip(&mut rates) {
                rates.push(rate(&wrk, server, file)?);
            }
        }
        let [ours, peer] = rates.map(|rates| median(&rates));
        let command = format!(
            "median of {ROUNDS} × {}, user and system time of the server with its threads and workers",
            wrk.shown(SECONDS, &format!("http://SERVER/{file}"))
        );
        let name = format!("static file of {} KiB", size / 1024);
        let figure = Figure::new(name, "req/CPU-s", ours, Goal::BeatPeer, &command);
        figures.push(figure.beside(&servers[1].name, peer));
    }
    Ok(figures)
}

fn url(server: &Server, file: &str) -> String {
    format!("http://{}/{file}", server.address)
}

fn rate(wrk: &Wrk, server: &Server, file: &str) -> Result<f64> {
    let before = proc::cpu_of_tree(server.process.id())?;
    let outcome = wrk.run(SECONDS, &[], &url(server, file))?;
    Ok(outcome.requests / (proc::cpu_of_tree(server.process.id())? - before))
}

fn edge(program: &Path, folder: &Path) -> Result<Server> {
    let address = system::free_address()?;
    let config = folder.join("edge.toml");
    let text = format!(
        "http = [\"{address}\"]\nsites_dir = \".\"\nthreads = 1\n\
         [[host]]\nname = \"*\"\ntarget = {{ kind = \"site\", root = \"site\" }}\n"
    );
    fs::write(&config, text)?;
    let mut command = system::bound(program);
    command.args(["edge", "serve", "--config"]).arg(&config);
    start("edge".to_owned(), address, command, folder)
}

fn nginx(folder: &Path) -> Result<Server> {
    let program = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"]
        .iter()
        .map(Path::new);
    let program = program
        .into_iter()
        .find(|path| path.exists())
        .context("no nginx: `make bench` installs it")?;
    let version = Command::new(program).arg("-v").output()?;
    let version = String::from_utf8_lossy(&version.stderr);
    let version = version.trim().rsplit('/').next().unwrap_or_default().to_owned();
    let address = system::free_address()?;
    let temp = folder.join("nginx");
    fs::create_dir_all(&temp)?;
    let (config, temp) = (folder.join("nginx.conf"), temp.display());
    // What speeds up static files is on, also what its defaults leave off.
    let text = format!(
        "daemon off; worker_processes 1; pid {temp}/pid; error_log {temp}/error.log;\n\
         events {{ worker_connections 1024; }}\n\
         http {{\n  include /etc/nginx/mime.types;\n  access_log off; sendfile on; tcp_nopush on;\n  \
         keepalive_requests 1000000000; open_file_cache max=1000 inactive=60s;\n  \
         client_body_temp_path {temp}/body; proxy_temp_path {temp}/proxy; fastcgi_temp_path {temp}/fastcgi;\n  \
         uwsgi_temp_path {temp}/uwsgi; scgi_temp_path {temp}/scgi;\n  \
         server {{ listen {address}; root {}; }}\n}}\n",
        folder.join("site").display()
    );
    fs::write(&config, text)?;
    let mut command = system::bound(program);
    command.arg("-c").arg(&config).arg("-p").arg(folder);
    start(format!("nginx {version}"), address, command, folder)
}

fn start(name: String, address: SocketAddr, mut command: Command, folder: &Path) -> Result<Server> {
    let log = fs::File::create(folder.join("server.log"))?;
    let process = command.stdout(Stdio::null()).stderr(log).spawn()?;
    let mut server = Server { name, address, process };
    let begin = Instant::now();
    while TcpStream::connect(address).is_err() {
        let running = matches!(server.process.try_wait(), Ok(None)) && begin.elapsed() < Duration::from_secs(10);
        ensure!(
            running,
            "{} does not start: {}",
            server.name,
            fs::read_to_string(folder.join("server.log"))?
        );
        sleep(Duration::from_millis(10));
    }
    Ok(server)
}
