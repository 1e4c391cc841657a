//! The panel's own certificate authority, met for the first time: its fingerprint decides, not the connection it came over.

use super::api::{self, Api, Server, Trust};
use super::failure::Failure;
use super::{prompt, view};

const PATH: &[&str] = &["certificate-authority"];

/// How to verify this server: by the machine's store if that does, else by its own authority, once that is known to be the right
/// one: `expected` is its fingerprint; without it, somebody is asked.
///
/// # Errors
/// When the server is not there, or its authority is not trusted.
pub async fn trust(server: &Server, expected: Option<&str>) -> Result<Trust, Failure> {
    let Server::Url(url) = server else {
        return Ok(Trust::System);
    };
    if url.scheme() == "http" {
        return Ok(Trust::System);
    }
    let unknown = match Api::new(server, &Trust::System) {
        Ok(api) => match api.get(PATH).await {
            // Even an error came over a verified connection.
            Ok(_) | Err(Failure::Problem(_)) => return Ok(Trust::System),
            Err(failure) if failure.to_string().contains("certificate") => failure,
            Err(failure) => return Err(failure),
        },
        // A machine without any store.
        Err(failure) => failure,
    };
    let pem = Api::new(server, &Trust::Anybody)?
        .get(PATH)
        .await
        .map_err(|_| unknown)?
        .raw;
    let fingerprint = api::fingerprint(&pem)?;
    check(server, &fingerprint, expected)?;
    // Anybody may have sent it, but only its owner can present a certificate that it signed.
    Api::new(server, &Trust::Also(pem.clone()))?.get(PATH).await?;
    Ok(Trust::Also(pem))
}

/// Lets the fingerprint pass when it is the expected one, or somebody says so.
///
/// # Errors
/// When it does not pass.
pub fn check(server: &Server, fingerprint: &str, expected: Option<&str>) -> Result<(), Failure> {
    if let Some(expected) = expected {
        if normal(expected) == normal(fingerprint) {
            return Ok(());
        }
        return Err(Failure::Usage(format!(
            "{server} has another certificate authority than expected: {fingerprint}"
        )));
    }
    view::say(&format!(
        "{server} has a certificate authority that this machine does not know:\n  SHA-256 {fingerprint}\nCompare it with what `mpanel up` shows at the server."
    ));
    if prompt::confirm("Trust it", "--ca-fingerprint SHA256, or --ca FILE")? {
        return Ok(());
    }
    Err(Failure::Usage("not trusted: nothing was sent".to_owned()))
}

/// Without the colons and case that people copy along.
pub fn normal(fingerprint: &str) -> String {
    let hex = fingerprint.chars().filter(char::is_ascii_hexdigit);
    hex.map(|c| c.to_ascii_lowercase()).collect()
}
