//! How a seller treats those below it.

use mpanel_kernel::error::FieldError;
use mpanel_kernel::names::leaves_its_place;
use mpanel_tenancy_contract::ProviderPage;

/// The longest time that somebody may be given, in days: ten years.
pub const LONGEST_GRACE: u32 = 3650;
const TITLE_MAX: usize = 80;
const TEXT_MAX: usize = 600;
const CONTACT_MAX: usize = 200;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selling {
    /// In place of sites that are not shown; `None` for what those above have.
    pub page: Option<ProviderPage>,
    /// Days in which one that ends can be brought back; `None` for what those above have.
    pub grace_days: Option<u32>,
}

/// The days that hold for those below a seller: never fewer than those that hold for itself. Only the platform's own set aside
/// what the installation is set up with.
pub fn grace(set_up: u32, platform: Option<u32>, sellers: Option<u32>) -> u32 {
    let least = platform.unwrap_or(set_up);
    least.max(sellers.unwrap_or(0)).min(LONGEST_GRACE)
}

/// # Errors
/// What is wrong with it, by field.
pub fn page(given: ProviderPage) -> Result<ProviderPage, Vec<FieldError>> {
    let mut wrong = Vec::new();
    let mut complain = |pointer: &'static str, text: &str| {
        wrong.push(FieldError::new(pointer, "tenancy.selling.page", text));
    };
    let title = given.title.trim().to_owned();
    if !(1..=TITLE_MAX).contains(&title.chars().count()) || title.chars().any(leaves_its_place) {
        complain("/page/title", "a title has 1 to 80 characters on one line");
    }
    let text = given.text.trim().replace("\r\n", "\n");
    if !(1..=TEXT_MAX).contains(&text.chars().count())
        || text.chars().any(|char| char != '\n' && leaves_its_place(char))
    {
        complain("/page/text", "a text has 1 to 600 characters");
    }
    let contact = given.contact.map(|contact| contact.trim().to_owned());
    if contact.as_deref().is_some_and(|contact| !is_contact(contact)) {
        let text =
            "give an address that begins with https:// or mailto:, of at most 200 characters without spaces and quotes";
        complain("/page/contact", text);
    }
    match wrong.is_empty() {
        true => Ok(ProviderPage { title, text, contact }),
        false => Err(wrong),
    }
}

/// It becomes a link: nothing but what leads to a page or to a letter.
fn is_contact(text: &str) -> bool {
    let plain = |char: char| char.is_ascii_graphic() && !['"', '\'', '<', '>', '\\', '`'].contains(&char);
    if text.len() > CONTACT_MAX || !text.chars().all(plain) {
        return false;
    }
    let host = text
        .strip_prefix("https://")
        .map(|rest| rest.split(['/', '?', '#']).next());
    let mail = text.strip_prefix("mailto:").and_then(|address| address.split_once('@'));
    match (host, mail) {
        // A name before an `@` would look like the host and be none.
        (Some(Some(host)), _) => !host.is_empty() && !host.contains('@') && !host.starts_with([':', '.']),
        (_, Some((name, host))) => !name.is_empty() && host.contains('.') && !host.contains(['?', '@', '/']),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
