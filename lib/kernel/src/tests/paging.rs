use uuid::Uuid;

use crate::paging::{Page, PageRequest};

#[test]
fn a_full_page_names_the_next_one_and_the_last_page_does_not() {
    let ids: Vec<Uuid> = (1..=3).map(Uuid::from_u128).collect();
    let request = PageRequest { limit: 2, after: None };
    let page = Page::cut(request, ids.clone(), |id| *id);
    assert_eq!(page.items, ids[..2]);
    assert_eq!(page.next_cursor, Some(ids[1].to_string()));
    assert_eq!(Page::cut(request, ids[2..].to_vec(), |id| *id).next_cursor, None);
}

#[test]
fn limits_and_cursors_that_no_list_gave_are_refused_by_name() {
    assert_eq!(PageRequest::parse(Some(0), None).unwrap_err().pointer, "?limit");
    assert_eq!(PageRequest::parse(Some(201), None).unwrap_err().pointer, "?limit");
    assert_eq!(
        PageRequest::parse(None, Some("x' or 1=1")).unwrap_err().pointer,
        "?cursor"
    );
}
