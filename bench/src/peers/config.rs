//! Their configurations: what speeds up the case is on, also what their defaults leave off.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::Kind;

/// What a server is to do.
#[derive(Debug, Clone)]
pub enum Serves {
    /// The files of this folder.
    Files(PathBuf),
    /// The same, fresh for an hour.
    Fresh(PathBuf),
    /// The files over TLS and HTTP/2, with `chain.pem` and `key.pem` of the second folder.
    FilesOverTls(PathBuf, PathBuf),
    /// What the server at this address answers.
    Proxy(SocketAddr),
    /// The same, kept in memory (nginx: in files that the kernel keeps there).
    Cache(SocketAddr),
    /// Folders of files, each under a name of its own.
    Hosts(Vec<(String, PathBuf)>),
}

impl Kind {
    pub(super) fn config(self, serves: &Serves, address: SocketAddr, own: &Path) -> Result<String> {
        Ok(match self {
            Self::Edge => edge(serves, address),
            Self::Nginx => nginx(serves, address, own)?,
            Self::Caddy => caddy(serves, address)?,
            Self::Haproxy => haproxy(serves, address)?,
            Self::Varnish => varnish(serves)?,
        })
    }
}

fn edge(serves: &Serves, address: SocketAddr) -> String {
    let listen = match serves {
        Serves::FilesOverTls(..) => "https",
        _ => "http",
    };
    let mut text = format!("{listen} = [\"{address}\"]\nsites_dir = \"/\"\nthreads = 1\n");
    let relative = |folder: &Path| folder.display().to_string().trim_start_matches('/').to_owned();
    let site = |name: &str, folder: &Path| {
        let root = relative(folder);
        format!("[[host]]\nname = \"{name}\"\ntarget = {{ kind = \"site\", root = \"{root}\" }}\n")
    };
    match serves {
        Serves::Files(folder) | Serves::Fresh(folder) => text += &site("*", folder),
        Serves::FilesOverTls(folder, keys) => {
            let keys = keys.display();
            text += &site("*", folder);
            let _infallible = write!(
                text,
                "[[certificate]]\nnames = [\"127.0.0.1\"]\nchain = \"{keys}/chain.pem\"\nkey = \"{keys}/key.pem\"\n"
            );
        }
        Serves::Proxy(origin) | Serves::Cache(origin) => {
            text += "[[host]]\nname = \"*\"\ntarget = { kind = \"proxy\", upstream = \"origin\" }\n";
            if matches!(serves, Serves::Cache(_)) {
                text += "cache = { mode = \"standard\" }\n";
            }
            let _infallible = write!(text, "[upstream.origin]\nservers = [{{ address = \"{origin}\" }}]\n");
        }
        Serves::Hosts(hosts) => text.extend(hosts.iter().map(|(name, folder)| site(name, folder))),
    }
    text
}

fn nginx(serves: &Serves, address: SocketAddr, own: &Path) -> Result<String> {
    let own = own.display();
    let mut http = String::new();
    let mut listen = address.to_string();
    let server = match serves {
        Serves::Files(folder) => format!("root {};", folder.display()),
        Serves::Fresh(folder) => format!("root {}; expires 1h;", folder.display()),
        Serves::FilesOverTls(folder, keys) => {
            listen += " ssl http2";
            let keys = keys.display();
            format!(
                "root {}; ssl_certificate {keys}/chain.pem; ssl_certificate_key {keys}/key.pem; ssl_protocols TLSv1.3;",
                folder.display()
            )
        }
        Serves::Proxy(origin) | Serves::Cache(origin) => {
            let _infallible = write!(
                http,
                "upstream origin {{ server {origin}; keepalive 64; keepalive_requests 1000000000; }}\n  \
                 proxy_cache_path {own}/cache levels=1:2 keys_zone=all:64m use_temp_path=off;\n"
            );
            let cache = match serves {
                Serves::Cache(_) => "proxy_cache all; proxy_cache_lock on; proxy_cache_use_stale updating;",
                _ => "",
            };
            format!(
                "location / {{ proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection \"\"; \
                 proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; {cache} }}"
            )
        }
        Serves::Hosts(_) => bail!("nginx is not measured with many hosts"),
    };
    Ok(format!(
        "user root; daemon off; worker_processes 1; worker_rlimit_nofile 4096; pid {own}/pid; error_log {own}/error.log;\n\
         events {{ worker_connections 2048; }}\n\
         http {{\n  include /etc/nginx/mime.types;\n  access_log off; sendfile on; tcp_nopush on;\n  \
         keepalive_requests 1000000000; open_file_cache max=1000 inactive=60s;\n  \
         client_body_temp_path {own}/body; proxy_temp_path {own}/proxy; fastcgi_temp_path {own}/fastcgi;\n  \
         uwsgi_temp_path {own}/uwsgi; scgi_temp_path {own}/scgi;\n  {http}\
         server {{ listen {listen}; {server} }}\n}}\n"
    ))
}

fn caddy(serves: &Serves, address: SocketAddr) -> Result<String> {
    let Serves::Files(folder) = serves else {
        bail!("Caddy is measured with files alone");
    };
    Ok(format!(
        "{{\n  admin off\n  auto_https off\n}}\nhttp://{address} {{\n  root * {}\n  file_server\n}}\n",
        folder.display()
    ))
}

fn haproxy(serves: &Serves, address: SocketAddr) -> Result<String> {
    let (origin, global, rules) = match serves {
        Serves::Proxy(origin) => (origin, "", ""),
        Serves::Cache(origin) => (
            origin,
            "cache all\n  total-max-size 256\n  max-object-size 1000000\n  max-age 3600\n",
            "  http-request cache-use all\n  http-response cache-store all\n",
        ),
        _ => bail!("HAProxy serves no files"),
    };
    Ok(format!(
        "global\n  nbthread 1\n  maxconn 2048\ndefaults\n  mode http\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n  \
         http-reuse always\n  option forwardfor\n{global}frontend all\n  bind {address}\n  default_backend origin\n\
         backend origin\n{rules}  server one {origin}\n"
    ))
}

fn varnish(serves: &Serves) -> Result<String> {
    let (Serves::Cache(origin) | Serves::Proxy(origin)) = serves else {
        bail!("Varnish serves no files");
    };
    Ok(format!(
        "vcl 4.1;\nbackend origin {{ .host = \"{}\"; .port = \"{}\"; .max_connections = 500; }}\n",
        origin.ip(),
        origin.port()
    ))
}
