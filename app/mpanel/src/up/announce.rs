//! What the operator reads on the terminal.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};

use crate::pretence;

/// Prints once what is needed, and again when the claim token changes.
#[derive(Debug)]
pub struct Announcer {
    data: PathBuf,
    panel: SocketAddr,
    rootless: bool,
    ready: bool,
    claim: Option<String>,
    fingerprint: Option<String>,
    refused: Option<String>,
    /// The demo is about to claim the installation: no link that would stop working while somebody follows it.
    claim_held: bool,
}

impl Announcer {
    pub fn new(data: &Path, panel: SocketAddr, rootless: bool) -> Self {
        Self {
            data: data.to_owned(),
            panel,
            rootless,
            ready: false,
            claim: None,
            fingerprint: None,
            refused: None,
            claim_held: false,
        }
    }

    /// Whether to keep the claim link to itself.
    pub fn hold_claim(&mut self, held: bool) {
        self.claim_held = held;
    }

    /// The panel serves.
    pub fn ready(&mut self) -> String {
        let mut text = String::new();
        if !self.ready {
            self.ready = true;
            text = self.banner();
        }
        text + &self.refresh()
    }

    /// What keeps `serve` from starting, told once: it is started again and again, and only the operator can help.
    fn refused(&mut self) -> String {
        let read = || {
            let content = std::fs::read_to_string(self.data.join("run/refused")).ok()?;
            let plain = |c: char| c.is_ascii_graphic() || c == ' ';
            let text = content.trim();
            (!text.is_empty() && text.len() <= 4096 && text.chars().all(plain)).then(|| text.to_owned())
        };
        let refused = read();
        if refused == self.refused {
            return String::new();
        }
        self.refused.clone_from(&refused);
        refused.map_or_else(String::new, |text| format!("\nmPanel cannot start: {text}\n\n"))
    }

    /// Looks at what `serve` left in `run`: cheap enough for once a second.
    pub fn refresh(&mut self) -> String {
        if !self.ready {
            return self.refused();
        }
        let mut text = String::new();
        let read = |name: &str| {
            let content = std::fs::read_to_string(self.data.join("run").join(name)).ok()?;
            // It goes to a terminal: only what such a file can hold.
            let word = content.trim();
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_:.= ".contains(c);
            (!word.is_empty() && word.len() <= 512 && word.chars().all(plain)).then(|| word.to_owned())
        };
        let (fingerprint, claim) = (read("ca-fingerprint"), read("claim"));
        if fingerprint != self.fingerprint {
            if let Some(fingerprint) = &fingerprint {
                text += &format!("  certificate authority (SHA-256): {fingerprint}\n");
            }
            self.fingerprint = fingerprint;
        }
        if claim != self.claim && !self.claim_held {
            if let Some(token) = &claim {
                text += &format!(
                    "\n  Nobody owns this installation yet. Claim it within 30 minutes:\n\n    {}claim#{token}\n\n",
                    self.url()
                );
            }
            self.claim = claim;
        }
        text
    }

    fn banner(&self) -> String {
        let mut text = format!("\nmPanel {} is ready: {}\n", pretence::version(), self.url());
        if self.rootless {
            text += "  Started without root: everything runs as one user, so sites, panel and keys are not separated from each other.\n  For trying it out, not for customers.\n";
        }
        text += &format!(
            "  data folder: {}\n  logs: {}\n",
            self.data.display(),
            self.data.join("logs").display()
        );
        text
    }

    /// The panel's address.
    pub fn url(&self) -> String {
        url(self.panel, outward_address)
    }
}

/// Plain HTTP exists on loopback only; a wildcard address is shown as one that can be opened elsewhere.
pub fn url(panel: SocketAddr, outward: impl Fn(bool) -> Option<IpAddr>) -> String {
    let ip = panel.ip();
    if ip.is_loopback() {
        return format!("http://{panel}/");
    }
    let shown = if ip.is_unspecified() {
        outward(ip.is_ipv6()).unwrap_or(ip)
    } else {
        ip
    };
    format!("https://{}/", SocketAddr::new(shown, panel.port()))
}

/// The address this machine would send from. Connecting a datagram socket only asks the routing table; nothing is sent (the targets
/// are documentation addresses, RFC 5737 and RFC 3849).
pub fn outward_address(v6: bool) -> Option<IpAddr> {
    let of = |bind: &str, target: &str| {
        let socket = UdpSocket::bind(bind).ok()?;
        socket.connect(target).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    let v4 = || of("0.0.0.0:0", "192.0.2.1:9");
    if v6 {
        v4().or_else(|| of("[::]:0", "[2001:db8::1]:9"))
    } else {
        v4()
    }
}

/// The terminal may be gone; that is no reason to end.
pub fn print(text: &str) {
    use std::io::Write;
    if !text.is_empty() {
        let mut out = std::io::stdout().lock();
        let _gone = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}
