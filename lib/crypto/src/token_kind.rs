/// What a [`Token`](crate::Token) is for: everything that this platform hands out and takes as proof. There is no other, so
/// that whoever looks for leaked ones knows all of them by how they begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// A browser's session.
    Session,
    /// A person's or a service account's, for programs.
    Api,
    /// Makes its bearer the owner of a new installation.
    Claim,
    /// Lets an invited person in.
    Activation,
    /// Sets a new password.
    Reset,
    /// Confirms another address.
    Email,
}

impl TokenKind {
    pub const ALL: [Self; 6] = [
        Self::Session,
        Self::Api,
        Self::Claim,
        Self::Activation,
        Self::Reset,
        Self::Email,
    ];

    /// What stands before the `_`. Never changed: stored hashes are of the whole text.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Session => "mps",
            Self::Api => "mpk",
            Self::Claim => "claim",
            Self::Activation => "activate",
            Self::Reset => "reset",
            Self::Email => "email",
        }
    }
}
