use mpanel_engine_edge::PurgeWhat;
use mpanel_kernel::error::FieldError;

use super::Site;
use crate::error::Error;

/// Of each kind in one request.
const MOST: usize = 100;
const MOST_BYTES: usize = 2048;

/// What of a site's kept answers is to be forgotten.
#[derive(Debug, Clone, Default)]
pub struct PurgeWanted {
    pub everything: bool,
    /// With a host of the site, such as `https://www.example.com/a?b`.
    pub urls: Vec<String>,
    /// The same without a query; whatever begins so.
    pub prefixes: Vec<String>,
    pub hosts: Vec<String>,
    pub tags: Vec<String>,
}

impl PurgeWanted {
    /// In the words of the edge.
    ///
    /// # Errors
    /// Every field that names nothing of the site.
    pub fn of(&self, site: &Site) -> Result<Vec<PurgeWhat>, Error> {
        let names: Vec<String> = site.host_names()?.iter().map(ToString::to_string).collect();
        let (mut what, mut wrong) = (Vec::new(), Vec::new());
        let mut take = |field: &str, all: &[String], make: &dyn Fn(&str) -> Result<PurgeWhat, &'static str>| {
            if all.len() > MOST {
                wrong.push(invalid(format!("/{field}"), "at most 100 at once"));
            }
            for (index, one) in all.iter().take(MOST).enumerate() {
                let made = match one.is_empty() || one.len() > MOST_BYTES {
                    true => Err("1 to 2048 bytes"),
                    false => make(one),
                };
                match made {
                    Ok(made) => what.push(made),
                    Err(reason) => wrong.push(invalid(format!("/{field}/{index}"), reason)),
                }
            }
        };
        let own = |authority: &str| {
            let authority = authority.to_ascii_lowercase();
            let host = authority.rsplit_once(':').map_or(authority.as_str(), |(host, _)| host);
            names.iter().any(|name| name == host).then_some(authority.clone())
        };
        let split = |url: &str| {
            let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
            let rest = rest.ok_or("an address begins with https://")?;
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = own(authority).ok_or("this is no host name of the site")?;
            Ok((
                host,
                if path.is_empty() {
                    "/".to_owned()
                } else {
                    path.to_owned()
                },
            ))
        };
        take("urls", &self.urls, &|url| {
            split(url).map(|(host, path)| PurgeWhat::Url { host, path })
        });
        take("prefixes", &self.prefixes, &|url| {
            let (host, path) = split(url)?;
            match path.contains('?') {
                true => Err("a prefix has no query"),
                false => Ok(PurgeWhat::Prefix { host, path }),
            }
        });
        take("hosts", &self.hosts, &|host| {
            let host = own(host).ok_or("this is no host name of the site")?;
            Ok(PurgeWhat::Host { host })
        });
        let plain = |tag: &str| tag.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',');
        take("tags", &self.tags, &|tag| match plain(tag) {
            true => Ok(PurgeWhat::Tags {
                tags: vec![tag.to_owned()],
            }),
            false => Err("a tag is visible ASCII without spaces and commas"),
        });
        if self.everything {
            what = vec![PurgeWhat::Everything];
        }
        if what.is_empty() && wrong.is_empty() {
            wrong.push(invalid("/everything".to_owned(), "say what is to be forgotten"));
        }
        match wrong.is_empty() {
            true => Ok(what),
            false => Err(Error::Invalid(wrong)),
        }
    }
}

fn invalid(pointer: String, message: &'static str) -> FieldError {
    FieldError::new(pointer, "sites.purge.invalid", message)
}
