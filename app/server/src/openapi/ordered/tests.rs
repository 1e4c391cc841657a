use utoipa::openapi::OpenApi;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, PathItem, PathsBuilder};

use super::{Ordered, ordered};

#[test]
fn extensions_come_out_sorted_however_the_hash_map_holds_them() {
    let names = ["x-step-up", "x-rate-class", "x-costly-with", "x-beta", "x-alpha"];
    let extensions = names
        .iter()
        .fold(ExtensionsBuilder::new(), |all, name| all.add(*name, true));
    let operation = OperationBuilder::new()
        .operation_id(Some("one"))
        .extensions(Some(extensions.build()))
        .build();
    let mut document = OpenApi::default();
    document.paths = PathsBuilder::new()
        .path("/one", PathItem::new(HttpMethod::Post, operation))
        .build();

    let text = serde_json::to_string(&ordered(&document).unwrap()).unwrap();

    let mut sorted = names.to_vec();
    sorted.sort_unstable();
    let wanted: Vec<_> = sorted.iter().map(|name| format!("\"{name}\":true")).collect();
    assert!(text.contains(&wanted.join(",")), "{text}");
}

#[test]
fn all_else_keeps_its_order_and_says_the_same() {
    let text = r#"{"z":1,"a":[null,-2,0.5,{"y":"x","b":true}],"x-b":{},"x-a":[],"m":18446744073709551615}"#;
    let read: Ordered = serde_json::from_str(text).unwrap();
    let sorted = text.replace(r#""x-b":{},"x-a":[]"#, r#""x-a":[],"x-b":{}"#);
    assert_eq!(serde_json::to_string(&read).unwrap(), sorted);

    let document = crate::openapi::document();
    let plain = serde_json::to_value(&document).unwrap();
    assert_eq!(serde_json::to_value(ordered(&document).unwrap()).unwrap(), plain);
}
