//! Questions to the person at the terminal, and secrets from standard input.

use std::io::{BufRead, IsTerminal, Write};

use mpanel_crypto::Secret;

use super::failure::Failure;

/// Whether somebody can be asked.
pub fn is_possible() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

fn refuse(what: &str, option: &str) -> Failure {
    Failure::Usage(format!("{what}: nobody can be asked without a terminal; give {option}"))
}

/// A line.
///
/// # Errors
/// Without a terminal; `option` says what to give instead.
pub fn line(question: &str, option: &str) -> Result<String, Failure> {
    if !is_possible() {
        return Err(refuse(question, option));
    }
    eprint!("{question}: ");
    std::io::stderr().flush()?;
    next_line()
}

/// A secret, not shown while it is typed.
///
/// # Errors
/// Without a terminal; `option` says what to give instead.
pub fn secret(question: &str, option: &str) -> Result<Secret<String>, Failure> {
    if !is_possible() {
        return Err(refuse(question, option));
    }
    Ok(Secret::new(rpassword::prompt_password(format!("{question}: "))?))
}

/// A new secret, typed twice.
///
/// # Errors
/// When the two differ; without a terminal, `option` says what to give instead.
pub fn new_secret(question: &str, option: &str) -> Result<Secret<String>, Failure> {
    let first = secret(question, option)?;
    let again = secret("The same again", option)?;
    if first.expose() != again.expose() {
        return Err(Failure::Usage("the two differ: nothing was sent".to_owned()));
    }
    Ok(first)
}

/// The next line of standard input.
///
/// # Errors
/// When there is none.
pub fn secret_from_stdin(what: &str) -> Result<Secret<String>, Failure> {
    match next_line()? {
        line if line.is_empty() => Err(Failure::Usage(format!("standard input holds no {what}"))),
        line => Ok(Secret::new(line)),
    }
}

fn next_line() -> Result<String, Failure> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

/// Yes or no.
///
/// # Errors
/// Without a terminal; `option` says what to give instead.
pub fn confirm(question: &str, option: &str) -> Result<bool, Failure> {
    let answer = line(&format!("{question} [y/N]"), option)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Asks for the name of what is about to die.
///
/// # Errors
/// When another is typed, or nobody can be asked.
pub fn name_to_delete(what: &str, name: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    let typed = line(&format!("This deletes {what}. Type {name} to go on"), "--yes")?;
    if typed.trim() == name {
        return Ok(());
    }
    Err(Failure::Usage("that is not its name: nothing is deleted".to_owned()))
}
