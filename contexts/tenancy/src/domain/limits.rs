use std::collections::BTreeMap;

use mpanel_kernel::error::FieldError;
use mpanel_tenancy_contract::EntitlementKey;
use serde_json::{Map, Value};

/// What a plan allows: a limit for each key, `None` for unlimited. A key that is absent is not part
/// of the plan, which is a limit of nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits(BTreeMap<EntitlementKey, Option<i64>>);

impl Limits {
    /// Reads `{"sites": 10, "disk_bytes": null}`; `at` is the pointer of that object.
    ///
    /// # Errors
    /// A [`FieldError`] for each key that is unknown and each limit that is no whole number from 0.
    pub fn parse(at: &str, given: &Map<String, Value>) -> Result<Self, Vec<FieldError>> {
        let mut limits = BTreeMap::new();
        let mut errors = Vec::new();
        for (name, value) in given {
            let pointer = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
            let Ok(key) = name.parse::<EntitlementKey>() else {
                let known = EntitlementKey::ALL.map(EntitlementKey::as_str).join(", ");
                errors.push(FieldError::new(
                    pointer,
                    "tenancy.entitlement.unknown",
                    format!("{name} is not something that plans limit; known are {known}"),
                ));
                continue;
            };
            match value {
                Value::Null => drop(limits.insert(key, None)),
                value => match value.as_i64().filter(|limit| *limit >= 0) {
                    Some(limit) => drop(limits.insert(key, Some(limit))),
                    None => errors.push(FieldError::new(
                        pointer,
                        "tenancy.entitlement.bad_limit",
                        "a limit is a whole number from 0, or null for unlimited",
                    )),
                },
            }
        }
        if errors.is_empty() {
            Ok(Self(limits))
        } else {
            Err(errors)
        }
    }

    /// As stored by an earlier version; keys that no longer exist are left out.
    #[must_use]
    pub fn stored(value: &Value) -> Self {
        let entries = value.as_object().into_iter().flatten();
        Self(
            entries
                .filter_map(|(name, limit)| Some((name.parse().ok()?, limit.as_i64())))
                .collect(),
        )
    }

    /// These limits with single ones replaced.
    #[must_use]
    pub fn with(mut self, overrides: &Limits) -> Self {
        self.0.extend(&overrides.0);
        self
    }

    /// Every key: absent ones become a limit of nothing.
    #[must_use]
    pub fn complete(mut self) -> Self {
        for key in EntitlementKey::ALL {
            self.0.entry(key).or_insert(Some(0));
        }
        self
    }

    #[must_use]
    pub fn to_json(&self) -> Value {
        Value::Object(
            self.0
                .iter()
                .map(|(key, limit)| (key.as_str().to_owned(), Value::from(*limit)))
                .collect(),
        )
    }
}
