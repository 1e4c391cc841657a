//! Cursor paging. Ids are time-ordered (uuid v7), so the last id of a page is its cursor.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::FieldError;

/// The most items a page may hold.
pub const MAX_LIMIT: u32 = 200;
/// The items of a page when the caller names no limit.
pub const DEFAULT_LIMIT: u32 = 50;

/// Which part of a list is asked for; validated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    /// 1 to [`MAX_LIMIT`].
    pub limit: u32,
    /// Start after this id (exclusive), in the list's order.
    pub after: Option<Uuid>,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self {
            limit: DEFAULT_LIMIT,
            after: None,
        }
    }
}

impl PageRequest {
    /// Checks what a caller sent in `?limit=` and `?cursor=`.
    ///
    /// # Errors
    /// A [`FieldError`] naming the parameter.
    pub fn parse(limit: Option<u32>, cursor: Option<&str>) -> Result<Self, FieldError> {
        let limit = limit.unwrap_or(DEFAULT_LIMIT);
        if limit == 0 || limit > MAX_LIMIT {
            return Err(FieldError::new(
                "?limit",
                "page.limit_out_of_range",
                format!("limit must be between 1 and {MAX_LIMIT}"),
            ));
        }
        let after = match cursor {
            None | Some("") => None,
            Some(text) => Some(Uuid::try_parse(text).map_err(|_| {
                FieldError::new(
                    "?cursor",
                    "page.bad_cursor",
                    "cursor is not one that this list returned",
                )
            })?),
        };
        Ok(Self { limit, after })
    }

    /// How many rows to ask the database for: one more than the page, to know whether there is a next one.
    #[must_use]
    pub fn fetch(&self) -> i64 {
        i64::from(self.limit) + 1
    }
}

/// One page of a list, as it goes over the wire.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Pass as `?cursor=` for the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Cuts `rows`, fetched by [`PageRequest::fetch`], to a page.
    pub fn cut(request: PageRequest, mut rows: Vec<T>, id: impl Fn(&T) -> Uuid) -> Self {
        let limit = request.limit as usize;
        let next_cursor = if rows.len() > limit {
            rows.truncate(limit);
            rows.last().map(|row| id(row).to_string())
        } else {
            None
        };
        Self {
            items: rows,
            next_cursor,
        }
    }

    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(f).collect(),
            next_cursor: self.next_cursor,
        }
    }
}
