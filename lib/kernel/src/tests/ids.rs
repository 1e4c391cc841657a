use proptest::prelude::*;
use uuid::Uuid;

use crate::ids::{SiteId, TenantId};

#[test]
fn the_wire_form_is_a_typeid_with_its_kind() {
    let id = SiteId::from_uuid(Uuid::from_u128(0x0188_bac7_4afa_78aa_bc3b_bd1e_ef28_d881));
    // The example of the TypeID specification.
    assert_eq!(id.to_string(), "site_01h2xcejqtf2nbrexx3vqjhp41");
}

#[test]
fn an_id_of_another_kind_is_refused() {
    let text = SiteId::generate().to_string();
    assert!(text.parse::<TenantId>().is_err());
    assert!(text.to_uppercase().parse::<SiteId>().is_err());
    assert!(
        "site_8zzzzzzzzzzzzzzzzzzzzzzzzz".parse::<SiteId>().is_err(),
        "passes 128 bits"
    );
}

#[test]
fn json_carries_the_wire_form() {
    let id = SiteId::generate();
    let json = serde_json::to_string(&id).unwrap();
    assert_eq!(json, format!("\"{id}\""));
    assert_eq!(serde_json::from_str::<SiteId>(&json).unwrap(), id);
}

proptest! {
    #[test]
    fn every_id_survives_the_wire(bits in any::<u128>()) {
        let id = SiteId::from_uuid(Uuid::from_u128(bits));
        prop_assert_eq!(id.to_string().parse::<SiteId>().unwrap(), id);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC*") {
        let _ = text.parse::<SiteId>();
    }
}
