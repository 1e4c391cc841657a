//! The mail of an installation without a mail server: files.

use super::{System, eventually};

/// A mail as its reader sees it.
#[derive(Debug, Clone)]
pub struct Letter {
    pub to: String,
    pub subject: String,
    /// Header and parts, with the line ends that only the transport needs taken out.
    pub text: String,
}

impl Letter {
    fn read(file: &str) -> Self {
        let text = file.replace("=\r\n", "").replace("=3D", "=").replace("\r\n", "\n");
        let field = |name: &str| {
            let mut lines = text.lines();
            let value = lines.find_map(|line| line.strip_prefix(name));
            value.unwrap_or_default().trim().to_owned()
        };
        Self {
            to: field("To:"),
            subject: field("Subject:"),
            text: text.clone(),
        }
    }

    /// The token behind the first link to a page of the panel.
    pub fn token(&self, page: &str) -> Option<String> {
        let (_, rest) = self.text.split_once(&format!("/{page}#"))?;
        let is_token = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        Some(rest.chars().take_while(|c| is_token(*c)).collect())
    }
}

impl System {
    /// What was mailed to an address, the last mail first.
    pub fn letters(&self, to: &str) -> Vec<Letter> {
        let Ok(folder) = std::fs::read_dir(self.data().join("mail")) else {
            return Vec::new();
        };
        let mut files: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "eml"));
        // Names grow with time.
        files.sort_by(|one, two| two.cmp(one));
        let letters = files
            .iter()
            .map(|path| Letter::read(&std::fs::read_to_string(path).unwrap()));
        letters.filter(|letter| letter.to == to).collect()
    }

    /// The token of the last link to a page that was mailed to an address, once it is there.
    pub async fn mailed(&self, to: &str, page: &str) -> String {
        let token = async || self.letters(to).iter().find_map(|letter| letter.token(page));
        eventually(&format!("a mail to {to} with a link to {page}"), token).await
    }
}
