use std::net::IpAddr;

use mpanel_crypto::TokenHash;
use mpanel_kernel::ids::RequestId;

/// Who is at the other end while nobody is signed in yet.
#[derive(Debug, Clone)]
pub struct Presence {
    pub address: Option<IpAddr>,
    pub secure: bool,
    pub loopback: bool,
    pub user_agent: String,
    pub request_id: RequestId,
    /// The name at which the request arrived.
    pub host: String,
    /// The session whose cookie came along; it ends when another one starts.
    pub old_session: Option<TokenHash>,
}

/// The most characters of a user agent that are kept.
const USER_AGENT_CHARS: usize = 200;

impl Presence {
    /// The user agent as it is stored: one line, not long.
    #[must_use]
    pub fn short_user_agent(&self) -> String {
        self.user_agent
            .chars()
            .filter(|c| !c.is_control())
            .take(USER_AGENT_CHARS)
            .collect()
    }

    /// Whether passwords may travel on this connection.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.secure || self.loopback
    }
}
