use super::Questions;
use super::dns::{check, question};

fn questions(each: bool) -> Questions {
    let named = |name: &str, seq| (name.to_owned(), seq);
    Questions {
        version: "1".to_owned(),
        each,
        panel: true,
        zones: vec![named("a.example", 1), named("b.example", 2)],
        hosts: vec![named("www.a.example", 3)],
    }
}

#[test]
fn what_somebody_has_changed_since_is_not_asked() {
    let noted = questions(true);
    let current = (
        vec![("a.example".to_owned(), 9), ("b.example".to_owned(), 2)],
        Vec::new(),
    );
    let left = noted.unchanged(&current);
    assert_eq!(left.zones, [("b.example".to_owned(), 2)]);
    assert_eq!(left.hosts, []);
    assert!(left.panel && left.each);
}

#[test]
fn each_is_to_be_answered_where_the_version_before_did_and_one_where_nobody_knows() {
    let wrong = || Err("nothing".to_owned());
    let (each, one) = (questions(true), questions(false));
    assert_eq!(each.judge(vec![Ok(()), Ok(())]), Ok(()));
    assert_eq!(each.judge(vec![Ok(()), wrong()]), wrong());
    assert_eq!(one.judge(vec![wrong(), Ok(())]), Ok(()));
    assert_eq!(one.judge(vec![wrong(), wrong()]), wrong());
    assert_eq!(each.judge(Vec::new()), Ok(()));
    assert_eq!(one.judge(Vec::new()), Ok(()));
}

#[test]
fn only_an_authoritative_answer_with_something_in_it_counts() {
    let asked = question(7, "a.example");
    assert_eq!(asked[12..], *b"\x01a\x07example\0\0\x06\0\x01");
    let mut answer = asked.clone();
    (answer[2], answer[7]) = (0x84, 1);
    check(&asked, &answer).unwrap();
    for (at, value, said) in [
        (1, 8, "something else"),
        (2, 0x04, "a question"),
        (2, 0x80, "by itself"),
        (3, 2, "code 2"),
        (3, 5, "code 5"),
        (7, 0, "nothing"),
    ] {
        let mut wrong = answer.clone();
        wrong[at] = value;
        let error = check(&asked, &wrong).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    assert!(check(&asked, &answer[..4]).is_err());
}
