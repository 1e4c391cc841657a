//! What only the master key opens. Every column into which a [`Vault`](crate::Vault) seals stands in such a list, with what it
//! means to lose it: `mpanel restore --keys-lost` prints the lists of all crates before it does anything.

/// A column of sealed values; as in the [`Place`](mpanel_crypto::Place) that they are sealed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedColumn {
    pub table: &'static str,
    pub column: &'static str,
    /// What the values are, in the plural: `second factors of people`.
    pub what: &'static str,
    /// What follows when they cannot be opened any more, for the operator: a sentence without its end.
    pub lost: &'static str,
    /// Counts them: a statement without parameters.
    pub count: &'static str,
}

pub(crate) const SEALED: &[SealedColumn] = &[
    SealedColumn {
        table: "spine.idempotency",
        column: "response",
        what: "kept answers to repeated requests",
        lost: "a request that is repeated with its Idempotency-Key is carried out again",
        count: "select count(*) from spine.idempotency",
    },
    SealedColumn {
        table: "spine.audit",
        column: "origin",
        what: "keys of addresses and devices in audit logs",
        lost: "the audit log still says who did what; from which address and device it was is lost",
        count: "select count(*) from spine.person_keys",
    },
    SealedColumn {
        table: "spine.audit",
        column: "facts",
        what: "keys of personal facts in audit logs",
        lost: "what entries say of people beside their ids, such as the address that was invited, is lost",
        count: "select count(*) from spine.person_keys",
    },
];
