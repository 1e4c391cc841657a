use super::run;

#[test]
fn the_same_passwords_give_the_same_file_in_whatever_order_they_stand() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let words: Vec<String> = (0..5000).map(|n| format!("Password number {n}")).collect();
    let mut reversed = words.clone();
    reversed.reverse();
    std::fs::write(path("forwards"), words.join("\n")).unwrap();
    std::fs::write(path("backwards"), reversed.join("\r\n")).unwrap();
    for (output, list) in [("one", "forwards"), ("two", "backwards")] {
        run(&[path(output), "--all".into(), path(list)]).unwrap();
    }
    let file = std::fs::read(path("one")).unwrap();
    assert_eq!(file, std::fs::read(path("two")).unwrap());
    assert!(file.len() < 3 * words.len(), "{} bytes", file.len());
}

#[test]
fn a_list_is_cut_after_so_many_that_are_long_enough() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("list");
    std::fs::write(&list, "short\nlong enough 1\nlong enough 2\n").unwrap();
    let mut kept = std::collections::HashSet::new();
    super::read(&list, 1, &mut kept).unwrap();
    assert_eq!(kept.into_iter().collect::<Vec<_>>(), ["long enough 1"]);
}
