/// What a user agent says of itself, as far as people know the names. A hint and no proof: anybody can send any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device {
    pub browser: Option<&'static str>,
    pub system: Option<&'static str>,
}

/// In this order: most browsers name the ones before them as well.
const BROWSERS: &[(&str, &str)] = &[
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("Vivaldi/", "Vivaldi"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("mpanel-cli/", "mPanel CLI"),
    ("curl/", "curl"),
];

/// Android calls itself Linux too, and iOS like Mac OS X.
const SYSTEMS: &[(&str, &str)] = &[
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iOS"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
];

impl Device {
    #[must_use]
    pub fn of(user_agent: &str) -> Self {
        let find = |list: &[(&str, &'static str)]| {
            let mut list = list.iter();
            list.find(|(sign, _)| user_agent.contains(sign)).map(|(_, name)| *name)
        };
        Self {
            browser: find(BROWSERS),
            system: find(SYSTEMS),
        }
    }
}

#[cfg(test)]
mod tests;
