use mpanel_client_agent::ArchiveFormat;
use mpanel_kernel::error::FieldError;
use mpanel_kernel::names::DomainName;

/// How to unpack a file of this name. The name is kept to show it and is never a path.
///
/// # Errors
/// The [`FieldError`] of the field `pointer`.
pub fn archive_format(pointer: &'static str, filename: &str) -> Result<ArchiveFormat, FieldError> {
    let bad = |code: &'static str, message: &str| FieldError::new(pointer, code, message);
    if filename.is_empty() || filename.chars().count() > 255 || filename.chars().any(|c| c.is_control() || c == '/') {
        return Err(bad(
            "sites.upload.bad_filename",
            "a file name has 1 to 255 characters and no slash",
        ));
    }
    let lower = filename.to_ascii_lowercase();
    if lower.ends_with(".zip") {
        Ok(ArchiveFormat::Zip)
    } else if lower.ends_with(".tar.gz") || lower.ends_with(".tgz") {
        Ok(ArchiveFormat::TarGz)
    } else {
        Err(bad(
            "sites.upload.unknown_format",
            "send a .zip, .tar.gz or .tgz archive of the site",
        ))
    }
}

/// Where a redirect leads, as `https://host` with a port perhaps, of what people write: a host name
/// or an address without a path.
///
/// # Errors
/// The [`FieldError`] of the field `/target`.
pub fn redirect_target(text: &str) -> Result<String, FieldError> {
    let rest = text.trim();
    let rest = rest.strip_prefix("https://").unwrap_or(rest);
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = match rest.split_once(':') {
        None => (rest, None),
        Some((host, port)) => (host, Some(port)),
    };
    let bad = |message: &str| FieldError::new("/target", "sites.domain.bad_target", message);
    if rest.contains('/') || host.contains('@') {
        return Err(bad("name a host, such as https://example.com, without a path"));
    }
    let host = DomainName::parse(host).map_err(|error| error.at("/target"))?;
    match port {
        None => Ok(format!("https://{host}")),
        Some(port) => match port.parse::<u16>() {
            Ok(port) if port > 0 => Ok(format!("https://{host}:{port}")),
            _ => Err(bad("the port is a number from 1 to 65535")),
        },
    }
}
