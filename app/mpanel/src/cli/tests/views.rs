use serde_json::json;

use crate::cli::tenant::usage;
use crate::cli::view::{at, bytes, clean, description, table};

#[test]
fn columns_are_aligned_and_values_readable() {
    let items = [
        json!({"name": "handbook", "disk_bytes": 1536, "created_at": "2026-11-23T04:10:20.5Z", "ready": true, "domains": []}),
        json!({"name": "größe", "disk_bytes": null, "created_at": null, "ready": false,
               "domains": [{"name": "a.example.com"}, {"name": "b.example.com"}]}),
    ];
    let fields = [
        ("NAME", "/name"),
        ("DISK", "/disk_bytes"),
        ("READY", "/ready"),
        ("CREATED", "/created_at"),
        ("DOMAINS", "/domains"),
        ("NONE", "/none"),
    ];
    assert_eq!(
        table(&fields, &items),
        "NAME      DISK     READY  CREATED              DOMAINS                       NONE\n\
         handbook  1.5 KiB  yes    2026-11-23 04:10:20  -                             -\n\
         größe     -        no     -                    a.example.com, b.example.com  -\n"
    );
    assert_eq!(
        description(&[("Id", "/id"), ("Name", "/name")], &json!({"id": "x", "name": ""})),
        "Id    x\nName  -\n"
    );
}

#[test]
fn limits_say_unlimited_and_sizes_their_unit() {
    let plan = json!({"entitlements": {"disk_bytes": 10_737_418_240_u64, "sites": null, "traffic_bytes_month": 1000}});
    assert_eq!(
        at(&plan, "/entitlements"),
        "disk_bytes: 10 GiB, sites: unlimited, traffic_bytes_month: 1000 B"
    );
    let items = [
        json!({"key": "sites", "unit": "count", "used": 3, "limit": null}),
        json!({"key": "disk_bytes", "unit": "bytes", "used": 2048, "limit": 1_048_576}),
    ];
    assert_eq!(
        usage(&items),
        "WHAT        USED   LIMIT\nsites       3      unlimited\ndisk_bytes  2 KiB  1 MiB\n"
    );
}

#[test]
fn sizes_are_in_powers_of_1024() {
    let table = [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (1_572_864, "1.5 MiB"),
        (u64::MAX, "16383.9 PiB"),
    ];
    for (count, text) in table {
        assert_eq!(bytes(count), text);
    }
}

#[test]
fn names_of_others_cannot_command_the_terminal() {
    assert_eq!(
        clean("a\u{1b}[31mred\r\nb\u{202e}c"),
        "a\u{fffd}[31mred\u{fffd}\u{fffd}b\u{fffd}c"
    );
    let item = json!({"name": "\u{1b}]0;title\u{7}"});
    assert!(!table(&[("NAME", "/name")], &[item]).contains('\u{1b}'));
}
