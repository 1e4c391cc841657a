use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context as _;
use mpanel_client_mailer::{Brand, Encryption, FileMailer, Mailer, Post, Sender, SmtpMailer, SmtpSettings};
use mpanel_config::{Config, MailTransport, SmtpEncryption};
use mpanel_events::Spine;
use mpanel_kernel::clock::SharedClock;

/// Where the people's mail goes, by the configuration.
///
/// # Errors
/// What is wrong with it, for the operator.
pub fn open(config: &Config, spine: &Spine, clock: &SharedClock) -> anyhow::Result<Post> {
    let brand = Brand::own(panel_url(config));
    let from = match &config.mail.from {
        Some(text) => Sender::parse(text).map_err(anyhow::Error::msg).context("mail.from")?,
        // Of files, which go nowhere.
        None => Sender::parse("mpanel@localhost").map_err(anyhow::Error::msg)?,
    };
    let from = from.or_named(&brand.name);
    let mailer: Arc<dyn Mailer> = match config.mail.transport {
        MailTransport::File => Arc::new(FileMailer::new(config.data.join("mail"), from)),
        MailTransport::Smtp => {
            let mailer = SmtpMailer::new(smtp(config)?, from).map_err(anyhow::Error::msg);
            Arc::new(mailer.context("mail.smtp")?)
        }
    };
    Ok(Post::new(spine, clock.clone(), mailer, brand))
}

fn smtp(config: &Config) -> anyhow::Result<SmtpSettings> {
    let smtp = &config.mail.smtp;
    let authority = match &smtp.ca_file {
        Some(path) => Some(std::fs::read(path).with_context(|| format!("mail.smtp.ca_file: {}", path.display()))?),
        None => None,
    };
    Ok(SmtpSettings {
        host: smtp.host.clone().context("mail.smtp.host is not set")?,
        port: smtp.port,
        encryption: match smtp.encryption {
            SmtpEncryption::StartTls => Encryption::StartTls,
            SmtpEncryption::Implicit => Encryption::Implicit,
            SmtpEncryption::None => Encryption::None,
        },
        login: smtp.user.clone().zip(smtp.password.clone()),
        authority,
        hello: config.hosts.first().cloned().unwrap_or_else(|| "localhost".to_owned()),
    })
}

/// The address of the panel in mails, by the configuration alone: what a request says of its host is whatever its sender
/// likes, and a link with a key in it must not go there.
fn panel_url(config: &Config) -> String {
    if let Some(host) = config.hosts.first() {
        return match config.public_https_port() {
            443 => format!("https://{host}"),
            port => format!("https://{host}:{port}"),
        };
    }
    let (ip, port) = (config.panel.ip(), config.panel.port());
    if ip.is_loopback() {
        return format!("http://{}", config.panel);
    }
    let shown = if ip.is_unspecified() {
        let outward = config.public_addresses.first().copied();
        outward.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
    } else {
        ip
    };
    format!("https://{}", SocketAddr::new(shown, port))
}

#[cfg(test)]
mod tests;
