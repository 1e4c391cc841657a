//! Whatever bytes a `Host` field or `:authority` holds, they are refused or read in a canonical form that reads the
//! same again.
#![no_main]

use http::{HeaderMap, HeaderValue, Uri, Version, header};
use libfuzzer_sys::fuzz_target;
use mpanel_engine_edge::host::{parse_authority, request_authority};

fuzz_target!(|data: (&[u8], &[u8])| {
    let (field, target) = data;
    if let Ok(authority) = parse_authority(field) {
        assert!(
            authority
                .host
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase())
        );
        assert!(!authority.host.contains(['/', '\\', '@', '%', '*', '?', '#', '[', ']']));
        let url = authority.to_url();
        assert_eq!(parse_authority(url.as_bytes()).as_ref(), Ok(&authority));
    }
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(field) {
        headers.insert(header::HOST, value);
    }
    if let Ok(uri) = Uri::try_from(target) {
        for version in [Version::HTTP_11, Version::HTTP_2] {
            if let Ok(chosen) = request_authority(version, &uri, &headers)
                && let (Some(authority), Ok(host)) = (uri.authority(), parse_authority(field))
                && !headers.is_empty()
            {
                assert_eq!(parse_authority(authority.as_str().as_bytes()), Ok(host.clone()));
                assert_eq!(chosen, host);
            }
        }
    }
});
