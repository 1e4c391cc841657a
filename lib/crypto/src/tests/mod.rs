mod breached;
mod codes;
mod envelope;
mod files;
mod hpke;
mod passwords;
mod policy;
mod secret;
mod tokens;

/// Decodes the hexadecimal of a published vector.
fn hex(text: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap()
}
