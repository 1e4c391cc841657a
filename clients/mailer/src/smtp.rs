use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{AsyncSmtpTransport, Error};
use lettre::{AsyncTransport, Tokio1Executor};
use mpanel_crypto::Secret;

use crate::message::compose;
use crate::{Mail, MailError, Mailer, Sender};

/// For each step of a conversation.
const PATIENCE: Duration = Duration::from_secs(30);
/// A server that takes longer than this for all of them is not waited for.
const WHOLE: Duration = Duration::from_secs(120);

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// Begins in clear and must change to TLS before anything is said (RFC 3207).
    StartTls,
    /// TLS from the first byte (RFC 8314).
    Implicit,
    /// None: only to this machine.
    None,
}

/// Where mail is handed over.
#[derive(Debug, Clone)]
pub struct SmtpSettings {
    pub host: String,
    /// 587, 465 or 25 by the encryption, when absent.
    pub port: Option<u16>,
    pub encryption: Encryption,
    /// User and password.
    pub login: Option<(String, Secret<String>)>,
    /// PEM of an authority to trust beside the system's.
    pub authority: Option<Vec<u8>>,
    /// Name by which this side introduces itself.
    pub hello: String,
}

/// Hands mail to a server by SMTP (RFC 5321).
pub struct SmtpMailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Sender,
}

impl SmtpMailer {
    /// # Errors
    /// What is wrong with the settings, for the operator.
    pub fn new(settings: SmtpSettings, from: Sender) -> Result<Self, String> {
        let (tls, port) = match settings.encryption {
            Encryption::StartTls => (Tls::Required(parameters(&settings)?), 587),
            Encryption::Implicit => (Tls::Wrapper(parameters(&settings)?), 465),
            Encryption::None if is_this_machine(&settings.host) => (Tls::None, 25),
            Encryption::None => return Err(format!("{} is another machine: it takes TLS", settings.host)),
        };
        let hello = match settings.hello.parse() {
            Ok(IpAddr::V4(address)) => ClientId::Ipv4(address),
            Ok(IpAddr::V6(address)) => ClientId::Ipv6(address),
            Err(_) => ClientId::Domain(settings.hello),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.host)
            .port(settings.port.unwrap_or(port))
            .tls(tls)
            .hello_name(hello)
            .timeout(Some(PATIENCE));
        if let Some((user, password)) = settings.login {
            builder = builder.credentials(Credentials::new(user, password.expose().clone()));
        }
        Ok(Self {
            transport: builder.build(),
            from,
        })
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    fn transport(&self) -> &'static str {
        "smtp"
    }

    fn delivers(&self) -> bool {
        true
    }

    async fn send(&self, mail: &Mail) -> Result<String, MailError> {
        let message = compose(mail, &self.from)?;
        match tokio::time::timeout(WHOLE, self.transport.send(message)).await {
            Ok(Ok(answer)) => Ok(one_line(&format!(
                "{} {}",
                answer.code(),
                answer.message().collect::<Vec<_>>().join(" ")
            ))),
            Ok(Err(error)) => Err(classify(&error)),
            Err(_) => Err(MailError::Temporary(
                "the mail server did not answer in time".to_owned(),
            )),
        }
    }
}

fn parameters(settings: &SmtpSettings) -> Result<TlsParameters, String> {
    let mut builder = TlsParameters::builder(settings.host.clone());
    if let Some(pem) = &settings.authority {
        let certificate =
            Certificate::from_pem(pem).map_err(|error| format!("the authority's certificate: {error}"))?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build_rustls().map_err(|error| error.to_string())
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// What a server refuses for good is final (RFC 5321, section 4.2.1), unless it refuses us and not the mail: what the
/// operator has to put right is tried again.
fn classify(error: &Error) -> MailError {
    let text = one_line(&chain(error));
    let code = error.status().map(u16::from);
    match code {
        Some(502..=504 | 530 | 534 | 535 | 538) => {
            MailError::Temporary(format!("the mail server does not let us send: {text}"))
        }
        Some(500..) => MailError::Permanent(format!("the mail server refuses it: {text}")),
        Some(_) => MailError::Temporary(format!("the mail server asks to try later: {text}")),
        None => MailError::Temporary(format!("the mail server cannot be used: {text}")),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = cause.source();
    }
    text
}

/// What another machine says, for a log and a page: one line, not long.
fn one_line(text: &str) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    clean.take(300).collect::<String>().trim().to_owned()
}
