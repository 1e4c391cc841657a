use crate::Secret;

#[test]
fn debug_output_never_shows_the_value() {
    let secret = Secret::new("hunter2-hunter2".to_owned());
    assert_eq!(
        format!("{secret:?} {:?}", Some(secret.clone())),
        "[redacted] Some([redacted])"
    );
    assert_eq!(secret.expose(), "hunter2-hunter2");
}

#[test]
fn deserialises_like_the_value_inside() {
    let secret: Secret<String> = serde_json::from_str("\"postgres://u:p@h/d\"").unwrap();
    assert_eq!(secret.expose(), "postgres://u:p@h/d");
}
