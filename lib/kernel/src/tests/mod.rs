mod ids;
mod names;
mod paging;
