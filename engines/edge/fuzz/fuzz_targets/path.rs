//! Whatever path a request names, it is refused or stays inside the site, and its written form reads the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mpanel_engine_edge::path::{encode, normalise};

fuzz_target!(|raw: &str| {
    let Ok(path) = normalise(raw) else { return };
    let relative = &*path.relative;
    assert!(!relative.starts_with('/') && !relative.contains("//"));
    assert!(
        !relative
            .chars()
            .any(|char| char < ' ' || char == '\\' || char == '\u{7f}')
    );
    assert!(relative.split('/').all(|segment| segment != ".." && segment != "."));
    let encoded = encode(relative);
    assert!(encoded.starts_with('/') && !encoded.starts_with("//") && encoded.is_ascii());
    assert!(!encoded.contains(['\r', '\n', ' ', '?', '#', '\\']));
    // Encoding can make a path longer than what is looked at; otherwise it leads to the same file.
    if let Ok(again) = normalise(&encoded) {
        assert_eq!(&*again.relative, relative);
        assert_eq!(again.hidden, path.hidden);
    }
});
