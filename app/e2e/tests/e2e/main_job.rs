//! What the product is for, by API and by command line.

mod api;
