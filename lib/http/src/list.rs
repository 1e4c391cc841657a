/// Declares the wire form of a list: `list!(SiteList of SiteDto as sites::SiteList)`.
#[macro_export]
macro_rules! list {
    ($name:ident of $item:ty as $schema:path) => {
        /// One page of the list.
        #[derive(Debug, ::serde::Serialize, $crate::utoipa::ToSchema)]
        #[schema(as = $schema)]
        pub struct $name {
            pub items: Vec<$item>,
            /// Pass as `cursor` for the next page; `null` at the end.
            #[schema(required)]
            pub next_cursor: Option<String>,
        }

        impl<T: Into<$item>> From<::mpanel_kernel::paging::Page<T>> for $name {
            fn from(page: ::mpanel_kernel::paging::Page<T>) -> Self {
                Self {
                    items: page.items.into_iter().map(Into::into).collect(),
                    next_cursor: page.next_cursor,
                }
            }
        }
    };
}
