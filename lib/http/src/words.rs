//! Strings that are one of a few words, as the document shows them.

use mpanel_authz::{Role, TenantKind};

/// Declares the wire form of an enumeration, for `#[schema(value_type = …)]`:
/// `words!(StateWord as "sites.SiteState" = SiteState::ALL.map(SiteState::as_str))`. Clients get a closed set of words from it.
#[macro_export]
macro_rules! words {
    ($(#[$doc:meta])* $name:ident as $public:literal = $words:expr) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $name {}

        impl $crate::utoipa::PartialSchema for $name {
            fn schema() -> $crate::utoipa::openapi::RefOr<$crate::utoipa::openapi::schema::Schema> {
                $crate::utoipa::openapi::schema::ObjectBuilder::new()
                    .schema_type($crate::utoipa::openapi::schema::Type::String)
                    .enum_values(Some($words))
                    .into()
            }
        }

        impl $crate::utoipa::ToSchema for $name {
            fn name() -> ::std::borrow::Cow<'static, str> {
                ::std::borrow::Cow::Borrowed($public)
            }
        }
    };
}

words!(
    /// What a member may do.
    RoleWord as "tenancy.Role" = Role::ALL.map(Role::as_str)
);

words!(
    /// What a tenant is in the tree.
    TenantKindWord as "tenancy.TenantKind" = TenantKind::ALL.map(TenantKind::as_str)
);
