//! What can go wrong with a command, and the exit code that says so. The codes are an interface: `docs/src/reference/cli.md`.

use serde_json::Value;

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// The server's answer.
    Problem(Box<Problem>),
    /// No answer came.
    Unreachable(String),
    /// The command line is wrong; nothing was sent.
    Usage(String),
    NotSignedIn(String),
    NotFound(String),
    /// A value is wrong that only this side knows of.
    Invalid(String),
    /// The operation that was waited for failed or was cancelled.
    Operation(String),
    Other(anyhow::Error),
}

/// An answer that is no success: problem+json, or as much of it as there was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub status: u16,
    pub code: String,
    pub detail: String,
    pub request_id: Option<String>,
    /// Pointer and message of each wrong field.
    pub fields: Vec<(String, String)>,
    /// Seconds after which to try again.
    pub retry_after: Option<u64>,
    /// The document as it came, if it was one.
    pub document: Option<String>,
}

impl Problem {
    pub fn new(status: u16, retry_after: Option<u64>, body: &str) -> Self {
        let document: Value = serde_json::from_str(body).unwrap_or_default();
        let text = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
        let fields = document.get("errors").and_then(Value::as_array).map(Vec::as_slice);
        let field = |field: &Value| {
            let text = |name: &str| field.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            (text("pointer"), text("message"))
        };
        Self {
            status,
            code: text("code").unwrap_or_default(),
            detail: text("detail")
                .or_else(|| text("title"))
                .unwrap_or_else(|| without_document(status)),
            request_id: text("request_id"),
            fields: fields.unwrap_or_default().iter().map(field).collect(),
            retry_after,
            document: document.is_object().then(|| body.to_owned()),
        }
    }
}

/// A page of the edge or of a proxy between, not an answer of the API.
fn without_document(status: u16) -> String {
    match status {
        502..=504 => format!("the panel is not available at the moment (status {status})"),
        _ => format!("the answer is not the API's (status {status}): is the address right?"),
    }
}

impl Failure {
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Problem(problem) => match problem.status {
                401 => 3,
                403 => 4,
                404 => 5,
                402 | 409 | 412 => 6,
                410 => 9,
                429 | 502..=504 => 8,
                400..=499 => 7,
                _ => 1,
            },
            Self::Unreachable(_) => 8,
            Self::Usage(_) => 2,
            Self::NotSignedIn(_) => 3,
            Self::NotFound(_) => 5,
            Self::Invalid(_) => 7,
            Self::Operation(_) => 10,
            Self::Other(_) => 1,
        }
    }

    /// Whether the same request may succeed a little later.
    pub fn is_temporary(&self) -> bool {
        self.exit_code() == 8
    }

    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Problem(problem) => Some(problem.status),
            _ => None,
        }
    }

    pub fn code(&self) -> &str {
        match self {
            Self::Problem(problem) => &problem.code,
            _ => "",
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Problem(problem) => {
                f.write_str(&problem.detail)?;
                for (pointer, message) in &problem.fields {
                    write!(f, "\n  {pointer}: {message}")?;
                }
                if let Some(id) = &problem.request_id {
                    write!(f, "\n  request {id}")?;
                }
                Ok(())
            }
            Self::Unreachable(text)
            | Self::Usage(text)
            | Self::NotSignedIn(text)
            | Self::NotFound(text)
            | Self::Invalid(text)
            | Self::Operation(text) => f.write_str(text),
            Self::Other(error) => write!(f, "{error:#}"),
        }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}
