use mpanel_client_agent::ArchiveFormat;

use crate::domain::{Address, archive_format, redirect_target};

#[test]
fn redirect_targets_are_hosts() {
    for (text, target) in [
        ("https://Example.com/", "https://example.com"),
        ("www.example.com", "https://www.example.com"),
        ("https://example.com:8443", "https://example.com:8443"),
    ] {
        assert_eq!(redirect_target(text).unwrap(), target);
    }
    for text in [
        "",
        "https://",
        "http://example.com",
        "https://example.com/a",
        "https://user@example.com",
        "https://example.com:0",
        "https://example.com:http",
        "https://exa mple.com",
        "https://example.com\r\nset-cookie: a=b",
        "javascript:alert(1)",
        "//example.com",
        "https://192.0.2.1",
    ] {
        assert_eq!(redirect_target(text).unwrap_err().pointer, "/target", "{text:?}");
    }
}

#[test]
fn the_end_of_a_file_name_says_how_to_unpack_it() {
    for (name, format) in [
        ("site.zip", ArchiveFormat::Zip),
        ("Site.ZIP", ArchiveFormat::Zip),
        ("a b.tar.gz", ArchiveFormat::TarGz),
        ("x.tgz", ArchiveFormat::TarGz),
    ] {
        assert_eq!(archive_format("/filename", name).unwrap(), format);
    }
    let long = format!("{}.zip", "a".repeat(255));
    for name in [
        "", "site", "site.rar", "site.gz", "a/b.zip", "a\n.zip", "a\0.zip", &long,
    ] {
        assert_eq!(
            archive_format("/filename", name).unwrap_err().pointer,
            "/filename",
            "{name:?}"
        );
    }
}

#[test]
fn addresses_have_the_port_unless_browsers_know_it() {
    assert_eq!(Address(443).of("example.com"), "https://example.com");
    assert_eq!(Address(8443).of("example.com"), "https://example.com:8443");
}
