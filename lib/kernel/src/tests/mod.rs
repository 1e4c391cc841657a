mod ids;
mod names;
mod paging;
mod throttle;
