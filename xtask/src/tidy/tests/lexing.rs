use crate::tidy::{rust, sql};

#[test]
fn comments_and_literals_are_told_from_code() {
    let source = rust::read("a // \"x\"\n/* /* b */ */ c(\"d\\\"e\", 'f', '\\'', r#\"g\"h\"#) 'i: loop");
    assert_eq!(source.literals, [(2, "d\\\"e".to_owned()), (2, "g\"h".to_owned())]);
    assert_eq!(source.code.lines().next().map(str::trim_end), Some("a"));
    assert!(
        source.code.contains("c(\"    \",    ,     , r#\"   \"#) 'i: loop"),
        "{}",
        source.code
    );
}

#[test]
fn lines_of_literals_count_through_multi_line_strings() {
    let source = rust::read("\"a\nb\"\n\"c\"");
    assert_eq!(source.literals, [(1, "a\nb".to_owned()), (3, "c".to_owned())]);
}

#[test]
fn text_that_ends_early_is_no_trouble() {
    for text in ["\"a", "r#\"a", "/* a", "'", "'\\", "r#", "b'"] {
        rust::read(text);
    }
}

#[test]
fn a_word_is_not_a_part_of_a_name() {
    assert_eq!(rust::lines_with_word("unsafe_code\nx unsafe {", "unsafe"), [2]);
}

#[test]
fn tables_are_read_with_their_parts() {
    let text = sql::normalise(
        "-- x\nCREATE TABLE IF NOT EXISTS a.b (\n  id uuid PRIMARY KEY, /* , */ n numeric(3, 2)\n);",
        false,
    );
    let tables = sql::tables(&text, "public");
    assert_eq!(tables.len(), 1);
    assert_eq!((tables[0].name.as_str(), tables[0].line), ("a.b", 2));
    assert_eq!(tables[0].parts, ["id uuid primary key", "n numeric(3, 2)"]);
    assert_eq!(tables[0].primary_key(), ["id"]);
}

#[test]
fn a_quote_in_a_string_does_not_end_the_table() {
    let text = sql::normalise("create table t (a text default ');', b int)", false);
    assert_eq!(sql::tables(&text, "public")[0].parts.len(), 2);
}
