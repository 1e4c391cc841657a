//! Passphrases and identities, from files or from the person at the terminal.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;

use anyhow::{Context as _, ensure};
use mpanel_archive::{Opening, Protection, is_sealed};
use zeroize::Zeroizing;

use super::args::{Opener, Seal};
use crate::cli::prompt;

/// Shorter ones are guessed.
const SHORTEST: usize = 12;

pub fn protection(seal: &Seal) -> anyhow::Result<Protection> {
    if !seal.recipient.is_empty() {
        return Ok(Protection::Recipients(seal.recipient.clone()));
    }
    let text = match &seal.passphrase_file {
        Some(file) => secret(file)?,
        None if seal.passphrase => {
            let typed = ask("Passphrase of the archive", "--passphrase-file")?;
            ensure!(
                typed == ask("The same again", "--passphrase-file")?,
                "the two differ: nothing was written"
            );
            typed
        }
        None => return Ok(Protection::None),
    };
    ensure!(
        text.chars().count() >= SHORTEST,
        "a passphrase of an archive has at least {SHORTEST} characters: whoever has the file can try as many as they like"
    );
    Ok(Protection::Passphrase(text))
}

/// What opens this archive; nobody is asked for what it does not need.
pub fn opening(file: &Path, opener: &Opener) -> anyhow::Result<Opening> {
    let mut beginning = [0; 256];
    let mut opened = open(file)?;
    let n = opened.read(&mut beginning)?;
    let mut opening = Opening::default();
    if !is_sealed(&beginning[..n]) {
        return Ok(opening);
    }
    if let Some(identity) = &opener.identity {
        opening.identities = Some(secret(identity)?);
    } else if let Some(passphrase) = &opener.passphrase_file {
        opening.passphrase = Some(secret(passphrase)?);
    } else {
        opening.passphrase = Some(ask("Passphrase of the archive", "--passphrase-file or --identity")?);
    }
    Ok(opening)
}

pub fn open(file: &Path) -> anyhow::Result<BufReader<File>> {
    let opened = File::open(file).with_context(|| format!("opening {}", file.display()))?;
    Ok(BufReader::with_capacity(256 << 10, opened))
}

/// A secret, not shown while it is typed.
fn ask(question: &str, option: &str) -> anyhow::Result<Zeroizing<String>> {
    ensure!(
        prompt::is_possible(),
        "{question}: nobody can be asked without a terminal; give {option}"
    );
    Ok(Zeroizing::new(rpassword::prompt_password(format!("{question}: "))?))
}

fn secret(file: &Path) -> anyhow::Result<Zeroizing<String>> {
    let text = Zeroizing::new(std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?);
    Ok(Zeroizing::new(text.trim_end_matches(['\n', '\r']).to_owned()))
}
