use jiff::Timestamp;

/// What speaks against showing a tenant's sites.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pause {
    /// The provider has suspended the tenant or one above it.
    pub suspended: bool,
    /// The month's traffic is used up; until when at the latest.
    pub used_up_until: Option<Timestamp>,
}

/// Why a calm page is shown in place of a tenant's sites.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paused {
    Suspended,
    /// Until when at the latest.
    UsedUp(Timestamp),
}

impl Pause {
    /// The reason that counts, if there is one.
    #[must_use]
    pub fn shown(self) -> Option<Paused> {
        match self.suspended {
            true => Some(Paused::Suspended),
            false => self.used_up_until.map(Paused::UsedUp),
        }
    }
}
